"""Tool calls in a stream: pieces of several, told apart by their index, or by less where a server leaves it out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from cliproxy.conversation.events import Closed, Delta, Event, Opened, Signed
from cliproxy.conversation.parts import Blob, ToolCall
from cliproxy.formats.codec import NO_CALL_ID
from cliproxy.formats.jsontext import object_of, text_of
from cliproxy.formats.openai_chat.decode_messages import signature_of

MAX_CALLS: Final = 1024
"""In one choice; more are a fault of the upstream's."""
MAX_KEPT_CHARACTERS: Final = 1024 * 1024
"""Of arguments that are kept to see whether they are whole; of a longer call that is not asked."""
LEGACY: Final = -1
"""The index of the one call that the older `function_call` can tell."""


class TooManyCalls(Exception):
    """Over `MAX_CALLS`."""


class PartNumbers:
    """Counts the parts of a reply. State: how many there are."""

    def __init__(self) -> None:
        self._next = 0

    def new(self) -> int:
        """The number of the next part."""
        self._next += 1
        return self._next - 1


@attrs.define
class _Call:
    """State: one call as far as it has come."""

    slot: int
    id: str = ""
    name: str = ""
    custom: bool = False
    part: int | None = None
    """Its number among the reply's parts; None: it cannot be opened yet."""
    kept: list[str] = attrs.field(factory=list)
    """Arguments: those that wait for the call to be opened, then those by which its end is known."""
    kept_characters: int = 0
    blob: Blob | None = None
    closed: bool = False

    @property
    def is_real(self) -> bool:
        """A bare index, which some servers send, is no call."""
        return bool(self.id or self.name or self.kept)

    @property
    def is_whole(self) -> bool:
        """Its arguments are an object: nothing can follow."""
        if self.custom or not self.kept or self.kept_characters > MAX_KEPT_CHARACTERS:
            return False
        return self.kept[-1].rstrip().endswith("}") and object_of("".join(self.kept)) is not None


class CallStream:
    """The calls of one choice. State: those that have begun.

    A call is opened once its id and name are known. When the next one begins, the one before is closed if its arguments
    are whole, as they are with every server that sends calls one after another: who writes for a wire that knows one
    open part at a time need not hold the next one back.
    """

    def __init__(self, numbers: PartNumbers, choice: int, made_ids: str) -> None:
        self._numbers = numbers
        self._choice = choice
        self._made_ids = made_ids
        self._calls: dict[int, _Call] = {}
        self._last: _Call | None = None
        """To which the last piece belonged."""
        self._opened: _Call | None = None
        """The one opened last."""

    @property
    def any(self) -> bool:
        """Whether there was a call."""
        return any(call.part is not None for call in self._calls.values())

    def feed(self, entry: Mapping[str, object], told: list[Event]) -> None:
        """One entry of `tool_calls`. Raises `TooManyCalls`."""
        inner = entry.get("function")
        custom = entry.get("custom")
        if isinstance(custom, Mapping):
            self._piece(entry, custom, custom.get("input"), told, is_custom=True)
        elif isinstance(inner, Mapping):
            self._piece(entry, inner, inner.get("arguments"), told, is_custom=False)
        else:
            self._piece(entry, {}, None, told, is_custom=entry.get("type") == "custom")

    def feed_legacy(self, function: Mapping[str, object], told: list[Event]) -> None:
        """The older `function_call`, which has no id."""
        entry = {"index": LEGACY, "id": f"{self._made_ids}0"}
        self._piece(entry, function, function.get("arguments"), told, is_custom=False)

    def finish(self, told: list[Event]) -> None:
        """Open what could not be opened before, and close everything."""
        for call in sorted(self._calls.values(), key=lambda call: call.slot):
            if call.part is None and call.is_real:
                self._open(call, told)
        for call in self._calls.values():
            self._close(call, told)

    def _piece(
        self,
        entry: Mapping[str, object],
        named: Mapping[str, object],
        more: object,
        told: list[Event],
        *,
        is_custom: bool,
    ) -> None:
        name, call_id = _word(named.get("name")), _word(entry.get("id"))
        call = self._call(entry.get("index"), call_id, name)
        if call.closed:
            return
        call.id = call.id or call_id
        call.name = call.name or name
        call.custom = call.custom or is_custom
        if call.part is None and call.id and call.name:
            self._open(call, told)
        arguments = _arguments(more)
        if arguments:
            self._more(call, arguments, told)
        if call.blob is None and (blob := signature_of(entry)) is not None:
            call.blob = blob
            if call.part is not None:
                told.append(Signed(call.part, blob))

    def _call(self, index: object, call_id: str, name: str) -> _Call:
        """Which call a piece belongs to."""
        slot = index if isinstance(index, int) and not isinstance(index, bool) else None
        if slot is None:
            slot = self._slot_without_index(call_id, name)
        call = self._calls.get(slot)
        if call is not None and call_id and name and call.id not in ("", call_id) and call.is_whole:
            slot = self._free_slot()  # a server that gives every call the same index
            call = None
        if call is None:
            if len(self._calls) >= MAX_CALLS:
                raise TooManyCalls
            call = self._calls[slot] = _Call(slot)
        self._last = call
        return call

    def _slot_without_index(self, call_id: str, name: str) -> int:
        last = self._last
        if call_id:
            known = next((call.slot for call in self._calls.values() if call.id == call_id), None)
            if known is not None:
                return known
            return last.slot if last is not None and not last.id and last.part is None else self._free_slot()
        if last is None or (name and last.name and last.is_whole):
            return self._free_slot()
        return last.slot

    def _free_slot(self) -> int:
        return max(self._calls, default=-1) + 1

    def _open(self, call: _Call, told: list[Event]) -> None:
        if self._opened is not None and self._opened.is_whole:
            self._close(self._opened, told)
        self._opened = call
        call.id = call.id or f"{self._made_ids}{call.slot}"
        call.name = call.name or f"tool_{call.slot}"
        call.part = self._numbers.new()
        told.append(Opened(call.part, ToolCall(call.id, call.name, custom=call.custom), self._choice))
        told += [Delta(call.part, piece) for piece in call.kept]
        if call.blob is not None:
            told.append(Signed(call.part, call.blob))

    def _more(self, call: _Call, arguments: str, told: list[Event]) -> None:
        call.kept_characters += len(arguments)
        call.kept.append(arguments)
        if call.part is not None:
            told.append(Delta(call.part, arguments))
        elif call.kept_characters > MAX_KEPT_CHARACTERS:
            self._open(call, told)
        if call.kept_characters > MAX_KEPT_CHARACTERS:
            call.kept.clear()

    def _close(self, call: _Call, told: list[Event]) -> None:
        if call.part is not None and not call.closed:
            call.closed = True
            call.kept.clear()
            told.append(Closed(call.part))


def made_ids(reply_id: str, choice: int) -> str:
    """How the ids begin that are made for calls without: of the reply's own id, so that no two replies share one."""
    own = "".join(letter for letter in reply_id if letter.isascii() and letter.isalnum())[-16:]
    return f"{NO_CALL_ID}{own}_{choice}_"


def _arguments(value: object) -> str:
    """Text; a few servers send the object itself."""
    if not isinstance(value, Mapping):
        return _word(value)
    try:
        return text_of(value)
    except ValueError:
        return ""


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""
