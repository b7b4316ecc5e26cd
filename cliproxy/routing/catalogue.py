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
"""Answers to remember. Names come from clients, who may make them up: the least lately asked for is forgotten."""
MAX_REMEMBERED_CANDIDATES: Final = 500_000
"""In all of them: with ten thousand credentials each answer is as long."""
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
class Terms:
    """On which terms a credential is asked."""

    priority: int = 0
    """As long as anyone of a higher one is well, nobody of a lower one is asked."""
    weight: int = 1
    """Its share of the requests, where the strategy heeds it; 0: none."""
    max_concurrency: int = 0
    """Requests at once; 0: any number."""
    cools: bool = True
    """Whether trouble keeps it out for a while."""


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
    prefixed_alone: bool = False
    """With a prefix, names without it are not served."""
    terms: Terms = Terms()

    def serves(self, name: str) -> ModelName | None:
        """The upstream's name for what a client calls `name`, or None."""
        for known_as in self._known_as(name):
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
                if not (self.prefix and self.prefixed_alone):
                    yield name
                if self.prefix:
                    yield f"{self.prefix}/{name}"

    def _known_as(self, name: str) -> Iterable[str]:
        if not self.prefix:
            return (name,)
        bare = name.removeprefix(f"{self.prefix}/")
        if self.prefixed_alone:
            return () if bare == name else (bare,)
        return (name, bare)

    def _excludes(self, model: str) -> bool:
        return any(matches(pattern, model) for pattern in self.excluded)


@attrs.frozen
class Candidate:
    """A credential that could serve, and what it calls the model."""

    credential: CredentialId
    model: ModelName


_PLAIN: Final = Terms()


class Catalogue:
    """All offers, in the order of the configuration. Immutable, but for the answers that it remembers."""

    def __init__(self, offers: Sequence[Offer]) -> None:
        self._offers = tuple(offers)
        self._found: dict[str, tuple[Candidate, ...]] = {}
        self._remembered = 0
        self._names = tuple(dict.fromkeys(name for offer in self._offers for name in offer.names()))
        self._terms = {offer.credential: offer.terms for offer in self._offers}

    def candidates(self, name: str) -> tuple[Candidate, ...]:
        """Who serves `name`: the same object each time, as long as it is asked for; nobody, if it is unknown."""
        found = self._found.pop(name, None)
        if found is None:
            found = self._search(name)
            self._remembered += len(found)
        self._found[name] = found
        while len(self._found) > MAX_FOUND or (self._remembered > MAX_REMEMBERED_CANDIDATES and len(self._found) > 1):
            self._remembered -= len(self._found.pop(next(iter(self._found))))
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
        return tuple(self._terms)

    def terms(self, credential: CredentialId) -> Terms:
        """On which terms a credential is asked; the plainest, if it offers nothing here."""
        return self._terms.get(credential, _PLAIN)

    def nearest(self, name: str) -> tuple[str, ...]:
        """The known names most like `name`, best first."""
        return tuple(difflib.get_close_matches(name[:200], self._names, NEAREST_NAMES, CLOSENESS))
