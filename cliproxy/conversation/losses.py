"""What could not be carried over: every drop is named, so that nothing is lost in silence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

MAX_LOSSES = 64
"""More than these are counted and not kept: a history of thousands of odd parts must not fill a header."""


@attrs.frozen
class Loss:
    """One thing the target has no words for."""

    field: str
    """As the client's format calls it, with a path where it helps: `stop_sequences`, `messages.3.content.1`."""
    why: str
    emulated: bool = False
    """Not carried over as it stands, but done in another way."""


@attrs.define
class Losses:
    """Those of one request, in their order. State: them."""

    _found: dict[Loss, None] = attrs.field(factory=dict)

    def drop(self, field: str, why: str) -> None:
        """Note what is left out."""
        self._note(Loss(field, why))

    def emulate(self, field: str, how: str) -> None:
        """Note what is done in another way."""
        self._note(Loss(field, how, emulated=True))

    def extend(self, others: Iterable[Loss]) -> None:
        """Note what was noted elsewhere."""
        for loss in others:
            self._note(loss)

    def _note(self, loss: Loss) -> None:
        if len(self._found) < MAX_LOSSES:
            self._found[loss] = None

    def __iter__(self) -> Iterator[Loss]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    @property
    def dropped(self) -> tuple[Loss, ...]:
        """Those that were left out: what `translation.strict` refuses."""
        return tuple(loss for loss in self._found if not loss.emulated)
