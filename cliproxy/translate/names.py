"""Names of tools, as the target bears them: one for each tool of a request, and back again in the reply.

The names are made of the tools alone, in no order: prompt caches hang on the bytes of a request, so a tool must not be
called otherwise because another one stands before it. A plain name that the target bears is never changed. Declared
tools come before those that only the history knows, whose names may pile up as a conversation goes on.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

import attrs

from cliproxy.conversation.events import Event, Opened
from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Part, ToolCall, ToolResult
from cliproxy.conversation.request import Custom, Function, Message, Request, Tool, ToolChoice
from cliproxy.formats.codec import Limits

Key: TypeAlias = "tuple[str, str]"
"""Namespace, which may be empty, and name."""

_HASH_DIGITS: Final = 8


def flat(key: Key) -> str:
    """A tool's name where there are no namespaces."""
    namespace, name = key
    return f"{namespace}__{name}" if namespace else name


def declared_once(request: Request, losses: Losses) -> Request:
    """The request without tools whose name was declared before: vendors answer those with an error."""
    keys = _keys(request.tools)
    if len(set(keys)) == len(keys):
        return request
    seen: set[Key] = set()
    kept: list[Tool] = []
    for number, tool in enumerate(request.tools):
        if isinstance(tool, Function | Custom):
            key = (tool.namespace, tool.name)
            if key in seen:
                losses.drop(f"tools.{number}", "a tool of this name is declared before it")
                continue
            seen.add(key)
        kept.append(tool)
    return attrs.evolve(request, tools=tuple(kept))


def fit_names(request: Request, limits: Limits, losses: Losses) -> tuple[Request, RestoreNames | None]:
    """The request with names that the target bears, and the stage that restores them; None if all could stay."""
    known = _Known.of(request)
    spelling = _Spelling(limits)
    if all(map(spelling.bears, known.declared | known.spoken)):
        return request, None
    names = assign(known.declared, known.spoken, limits)
    changed = sum(names[key] != key for key in known.declared)
    if changed:
        losses.emulate("tools", f"{changed} names are spelled so that the upstream takes them")
    back: dict[Key, Key] = {}
    for key in (*sorted(known.declared), *sorted(known.spoken - known.declared)):
        back.setdefault(names[key], key)
    restore = RestoreNames({wire: key for wire, key in back.items() if wire != key})
    return _Renaming(known, names).request(request), restore


def assign(declared: Iterable[Key], spoken: Iterable[Key], limits: Limits) -> Mapping[Key, Key]:
    """The target's name for each tool. No two declared ones have the same."""
    spelling = _Spelling(limits)
    names: dict[Key, Key] = {}
    _settle(set(declared), spelling, names)
    _settle(set(spoken) - names.keys(), spelling, names)
    return names


def _settle(keys: set[Key], spelling: _Spelling, names: dict[Key, Key]) -> None:
    """Names for `keys` beside those that are given already."""
    names |= {key: key for key in keys if spelling.bears(key)}
    taken = set(names.values())
    rest = {key: spelling.spelled(key) for key in sorted(keys - names.keys())}
    wanted = Counter(rest.values())
    alone = {key: name for key, name in rest.items() if wanted[name] == 1 and name not in taken}
    names |= alone
    taken.update(alone.values())
    for key in sorted(rest.keys() - alone.keys()):
        names[key] = spelling.told_apart(key, taken)
        taken.add(names[key])


class _Spelling:
    """How the target wants names to be spelled."""

    def __init__(self, limits: Limits) -> None:
        self._pattern = re.compile(limits.name_pattern)
        self._length = limits.name_length
        self._namespaces = limits.namespaces

    def bears(self, key: Key) -> bool:
        """Whether the target takes the name as it stands."""
        namespace, name = key
        return (
            (self._namespaces or not namespace)
            and len(name) <= self._length
            and self._pattern.fullmatch(name) is not None
        )

    def spelled(self, key: Key) -> Key:
        """The nearest name that the target takes."""
        namespace, name = self._clean(key)
        return (namespace, name) if len(name) <= self._length else (namespace, self._hashed(name, key, 0))

    def told_apart(self, key: Key, taken: set[Key]) -> Key:
        """One that nobody has yet."""
        namespace, name = self._clean(key)
        attempt = 0
        while (told := (namespace, self._hashed(name, key, attempt))) in taken:
            attempt += 1
        return told

    def _clean(self, key: Key) -> Key:
        """Of any length. An underscore is good everywhere, at the beginning too."""
        namespace, name = key if self._namespaces else ("", flat(key))
        bears = self._pattern.fullmatch
        clean = "".join(char if bears(f"_{char}") else "_" for char in name)
        return namespace, clean if bears(clean) else f"_{clean}"

    def _hashed(self, name: str, key: Key, attempt: int) -> str:
        told = "\0".join((*key, str(attempt) if attempt else ""))
        digest = hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]
        return f"{name[: self._length - _HASH_DIGITS - 1]}_{digest}"


@attrs.frozen
class _Known:
    """The tools that a request speaks of."""

    declared: frozenset[Key]
    spoken: frozenset[Key]
    """In the history, and where tools are chosen."""
    by_flat_name: Mapping[str, Key]

    @classmethod
    def of(cls, request: Request) -> _Known:
        declared = frozenset(_keys(request.tools))
        spoken: set[Key] = set()
        calls: set[str] = set()
        orphans: set[str] = set()
        for part in _tool_parts(request.messages):
            if isinstance(part, ToolCall):
                spoken.add((part.namespace, part.name))
                calls.add(part.id)
            elif part.name and part.call_id not in calls:
                orphans.add(part.name)
        by_flat_name = {flat(key): key for key in sorted(spoken)} | {flat(key): key for key in sorted(declared)}
        by_flat_name |= {name: ("", name) for namespace, name in declared if not namespace}
        known = cls(declared, frozenset(), by_flat_name)
        spoken |= {known.named(name) for name in orphans}
        if request.tool_choice is not None:
            spoken |= {known.named(name) for name in request.tool_choice.names}
        return attrs.evolve(known, spoken=frozenset(spoken))

    def named(self, name: str) -> Key:
        """The tool that a name without a namespace stands for."""
        return self.by_flat_name.get(name, ("", name))


class _Renaming:
    """State: the tools of the calls so far, by the calls' ids, which may come again for another tool."""

    def __init__(self, known: _Known, names: Mapping[Key, Key]) -> None:
        self._known = known
        self._names = names
        self._calls: dict[str, Key] = {}

    def request(self, request: Request) -> Request:
        return attrs.evolve(
            request,
            tools=tuple(self._tool(tool) for tool in request.tools),
            tool_choice=self._choice(request.tool_choice),
            messages=tuple(self._message(message) for message in request.messages),
        )

    def _tool(self, tool: Tool) -> Tool:
        if not isinstance(tool, Function | Custom):
            return tool
        namespace, name = self._names[tool.namespace, tool.name]
        return attrs.evolve(tool, name=name, namespace=namespace)

    def _choice(self, choice: ToolChoice | None) -> ToolChoice | None:
        if choice is None or not choice.names:
            return choice
        return attrs.evolve(choice, names=tuple(flat(self._names[self._known.named(name)]) for name in choice.names))

    def _message(self, message: Message) -> Message:
        parts = tuple(self._part(part) for part in message.parts)
        return message if parts == message.parts else attrs.evolve(message, parts=parts)

    def _part(self, part: Part) -> Part:
        if isinstance(part, ToolCall):
            key = self._calls[part.id] = (part.namespace, part.name)
            namespace, name = self._names[key]
            return attrs.evolve(part, name=name, namespace=namespace)
        if isinstance(part, ToolResult) and part.name:
            key = self._calls.get(part.call_id) or self._known.named(part.name)
            return attrs.evolve(part, name=self._names[key][1])
        return part


class RestoreNames:
    """Gives the calls of a reply the client's names. `names`: the client's by the target's, where they differ.

    A name that the model made up passes as it is.
    """

    def __init__(self, names: Mapping[Key, Key]) -> None:
        self._names = names

    def feed(self, event: Event) -> Sequence[Event]:
        """The event; of a call, with the client's name."""
        if type(event) is not Opened or type(event.part) is not ToolCall:
            return (event,)
        key = self._names.get((event.part.namespace, event.part.name))
        if key is None:
            return (event,)
        namespace, name = key
        return (attrs.evolve(event, part=attrs.evolve(event.part, name=name, namespace=namespace)),)


def _keys(tools: Iterable[Tool]) -> Sequence[Key]:
    """Of the client's tools; those that the vendor runs have no names of their own."""
    return [(tool.namespace, tool.name) for tool in tools if isinstance(tool, Function | Custom)]


def _tool_parts(messages: Iterable[Message]) -> Iterator[ToolCall | ToolResult]:
    for message in messages:
        for part in message.parts:
            if isinstance(part, ToolCall | ToolResult):
                yield part
