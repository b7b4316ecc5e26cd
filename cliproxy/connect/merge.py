"""Settings into settings: what is wanted is put in, everything else stays, and each change is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs

from cliproxy.connect.settings import Listed, Unless

Path = tuple[str | int, ...]


class Unmergeable(Exception):
    """A setting is of another kind than it must be; the message says which, and begins with its name."""


@attrs.frozen
class Change:
    """A place at which something else stands from now on. An index that is one too high appends."""

    path: Path
    value: object = attrs.field(repr=False)
    replaces: bool = False
    """Something else stood there."""


@attrs.frozen
class Merged:
    """Settings after the change, and what has changed."""

    settings: Mapping[str, object] = attrs.field(repr=False)
    changes: tuple[Change, ...] = ()


def merge(present: Mapping[str, object], wanted: Mapping[str, object]) -> Merged:
    """`present` with all that is wanted. Raises `Unmergeable`. Neither is changed."""
    changes = tuple(_changes(present, wanted, ()))
    settings: object = present
    for change in changes:
        settings = _with(settings, change.path, change.value)
    assert isinstance(settings, Mapping)
    return Merged(settings, changes)


def path_text(path: Path) -> str:
    """As people write it: `env.PATH`, `models[0].name`."""
    written = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return written.removeprefix(".")


def _changes(present: object, wanted: object, path: Path) -> Iterator[Change]:
    if present is None:  # YAML's empty value and JSON's null are nobody's settings
        yield Change(path, _plain(wanted))
    elif isinstance(wanted, Mapping):
        if not isinstance(present, Mapping):
            raise Unmergeable(f"{path_text(path)} is no group of settings")
        for name, value in wanted.items():
            yield from _changes(present.get(name), value, (*path, name))
    elif isinstance(wanted, Listed):
        if not isinstance(present, list):
            raise Unmergeable(f"{path_text(path)} is no list")
        position = next((at for at, element in enumerate(present) if _is_same(element, wanted)), len(present))
        element = present[position] if position < len(present) else None
        yield from _changes(element, wanted.value, (*path, position))
    elif not isinstance(wanted, Unless) and (type(present) is not type(wanted) or present != wanted):
        yield Change(path, wanted, replaces=True)


def _is_same(element: object, wanted: Listed) -> bool:
    if isinstance(wanted.value, Mapping):
        return isinstance(element, Mapping) and element.get(wanted.by) == wanted.value[wanted.by]
    return isinstance(element, str) and element.partition("=")[0].strip() == wanted.value.partition("=")[0]


def _plain(wanted: object) -> object:
    if isinstance(wanted, Unless):
        return wanted.value
    if isinstance(wanted, Listed):
        return [_plain(wanted.value)]
    if isinstance(wanted, Mapping):
        return {name: _plain(value) for name, value in wanted.items()}
    return wanted


def _with(settings: object, path: Path, value: object) -> object:
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(step, str):
        members: dict[str, object] = dict(settings) if isinstance(settings, Mapping) else {}
        members[step] = _with(members.get(step), rest, value)
        return members
    elements: list[object] = list(settings) if isinstance(settings, Sequence) else []
    if step < len(elements):
        elements[step] = _with(elements[step], rest, value)
    else:
        elements.append(_with(None, rest, value))
    return elements
