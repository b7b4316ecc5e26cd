"""Which credentials serve a model name: aliases, prefixes, patterns, exclusions. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NewType

import attrs

CredentialId = NewType("CredentialId", str)
ModelName = NewType("ModelName", str)

NEAREST_NAMES: Final = 3
"""As many suggestions as a person reads."""
MAX_FOUND: Final = 1024
"""Answers to remember. Names come from clients, but who asks for so many is no client to be fast for."""
CLOSENESS: Final = 0.4
"""difflib's default is 0.6; model names share long beginnings, so a wrong version must still be found."""


def matches(pattern: str, name: str) -> bool:
    """Whether `name` is what the pattern says, in which `*` stands for any text and nothing else is special."""
    first, *middle = pattern.split("*")
    if not middle:
        return name == first
    last = middle.pop()
    at, end = len(first), len(name) - len(last)
    if at > end or not (name.startswith(first) and name.endswith(last)):
        return False
    for part in middle:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


@attrs.frozen
class Offer:
    """What one credential serves."""

    credential: CredentialId
    models: Mapping[str, ModelName] = attrs.field(factory=dict)
    """Names that clients use, and the upstream's name for each."""
    patterns: tuple[str, ...] = ()
    """Names with `*` that are served as they are."""
    listed: tuple[str, ...] = ()
    """Names to show for the patterns; to show is not to promise."""
    prefix: str = ""
    """With one, `prefix/name` is served too."""
    excluded: tuple[str, ...] = ()
    """Upstream names or patterns that are never served."""

    def serves(self, name: str) -> ModelName | None:
        """The upstream's name for what a client calls `name`, or None."""
        for known_as in (name, name.removeprefix(f"{self.prefix}/")) if self.prefix else (name,):
            model = self.models.get(known_as)
            if model is None and any(matches(pattern, known_as) for pattern in self.patterns):
                model = ModelName(known_as)
            if model is not None and not self._excludes(model):
                return model
        return None

    def names(self) -> Iterable[str]:
        """Every name to show."""
        for name in (*self.models, *self.listed):
            if not self._excludes(self.models.get(name, name)):
                yield name
                if self.prefix:
                    yield f"{self.prefix}/{name}"

    def _excludes(self, model: str) -> bool:
        return any(matches(pattern, model) for pattern in self.excluded)


@attrs.frozen
class Candidate:
    """A credential that could serve, and what it calls the model."""

    credential: CredentialId
    model: ModelName


class Catalogue:
    """All offers, in the order of the configuration. Immutable, but for the answers that it remembers."""

    def __init__(self, offers: Sequence[Offer]) -> None:
        self._offers = tuple(offers)
        self._found: dict[str, tuple[Candidate, ...]] = {}
        self._names = tuple(dict.fromkeys(name for offer in self._offers for name in offer.names()))

    def candidates(self, name: str) -> tuple[Candidate, ...]:
        """Who serves `name`; nobody, if it is unknown."""
        found = self._found.get(name)
        if found is None:
            found = self._search(name)
            if len(self._found) < MAX_FOUND:
                self._found[name] = found
        return found

    def _search(self, name: str) -> tuple[Candidate, ...]:
        return tuple(
            Candidate(offer.credential, model) for offer in self._offers if (model := offer.serves(name)) is not None
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Every name to show, once each."""
        return self._names

    @property
    def credentials(self) -> tuple[CredentialId, ...]:
        """Everyone who offers anything."""
        return tuple(dict.fromkeys(offer.credential for offer in self._offers))

    def nearest(self, name: str) -> tuple[str, ...]:
        """The known names most like `name`, best first."""
        return tuple(difflib.get_close_matches(name[:200], self._names, NEAREST_NAMES, CLOSENESS))
