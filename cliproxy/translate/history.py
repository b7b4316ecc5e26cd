"""A history as strict vendors want it: behind every turn with calls the results of all of them, in the calls' order.

Clients send others: a call that was interrupted, a result whose call was compacted away, two results of one call, a
word of the user's in between. What a healthy history is comes back as it is, and is nearly every one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import attrs

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Part, Text, ToolCall, ToolResult
from cliproxy.conversation.request import Message, Request, Role

NO_OUTPUT: Final = "[no output]"
"""What a call gave that nobody answered."""


def repair(request: Request, losses: Losses) -> Request:
    """The request with a history that strict vendors take; the same object if it was one."""
    if _is_sound(request.messages):
        return request
    return attrs.evolve(request, messages=tuple(_Repair(_turns(request.messages), losses).messages()))


def _is_sound(messages: Sequence[Message]) -> bool:
    """Whether nothing is to be done. A last turn may wait for its results."""
    owed: list[str] = []
    for message in messages:
        if _is_empty(message.parts):
            return False
        if message.role is Role.USER:
            given = _results(message.parts)
            if given != owed or (given and given != _results(message.parts[: len(given)])):
                return False
            owed = []
        elif owed:
            return False
        elif message.role is Role.ASSISTANT:
            owed = [part.id for part in message.parts if isinstance(part, ToolCall)]
    return True


def _results(parts: Sequence[Part]) -> list[str]:
    """The calls that are answered in `parts`, by their ids."""
    return [part.call_id for part in parts if isinstance(part, ToolResult)]


def _is_empty(parts: Sequence[Part]) -> bool:
    return all(map(_says_nothing, parts))


def _says_nothing(part: Part) -> bool:
    return isinstance(part, Text) and not part.text and part.blob is None


@attrs.frozen
class _Turn:
    """A message, with its number in the client's history."""

    number: int
    message: Message


def _turns(messages: Sequence[Message]) -> Sequence[_Turn]:
    """Those that say something. What the assistant says right behind its calls belongs to the same turn."""
    turns: list[_Turn] = []
    calling = False
    for number, message in enumerate(messages):
        if _is_empty(message.parts):
            continue
        if calling and message.role is Role.ASSISTANT:
            before = turns[-1]
            parts = (*before.message.parts, *message.parts)
            turns[-1] = _Turn(before.number, attrs.evolve(before.message, parts=parts))
            continue
        turns.append(_Turn(number, message))
        calling = message.role is Role.ASSISTANT and any(isinstance(part, ToolCall) for part in message.parts)
    return turns


@attrs.define
class _Slot:
    """The place of one call's result."""

    call: ToolCall
    turn: int
    """The position of the turn that calls."""
    result: ToolResult | None = None
    number: int = -1
    """The message the result stood in."""


@attrs.define
class _Awaited:
    """The places of the results of one turn's calls with one id. Should there be several, results come in their order.

    State: how many have come.
    """

    slots: list[_Slot] = attrs.field(factory=list)
    come: int = 0

    def take(self) -> _Slot:
        """The place of the next result; of one too many, the last."""
        slot = self.slots[min(self.come, len(self.slots) - 1)]
        self.come += 1
        return slot


class _Repair:
    """State: the places of results, by the turn whose calls they belong to, and what else users said, by turn."""

    def __init__(self, turns: Sequence[_Turn], losses: Losses) -> None:
        self._turns = turns
        self._losses = losses
        self._slots: dict[int, list[_Slot]] = {}
        self._said: dict[int, tuple[Part, ...]] = {}
        awaited: dict[str, _Awaited] = {}
        caller = -1
        for position, turn in enumerate(turns):
            if turn.message.role is Role.ASSISTANT:
                caller = position
                self._slots[position] = slots = _slots_of(turn, position)
                awaited |= _by_id(slots)
            elif turn.message.role is Role.USER:
                self._said[position] = said = tuple(self._sorted(turn, awaited, caller))
                caller = caller if _is_empty(said) else -1
            else:
                caller = -1

    def messages(self) -> Iterator[Message]:
        """The repaired history."""
        last = len(self._turns) - 1
        for position, turn in enumerate(self._turns):
            said = self._said.get(position)
            if said is None:
                yield turn.message
            elif not _is_empty(said):
                yield attrs.evolve(turn.message, parts=said)
            slots = self._slots.get(position)
            if slots and position < last:
                yield Message(Role.USER, tuple(self._result(turn, slot) for slot in slots))

    def _sorted(self, turn: _Turn, awaited: Mapping[str, _Awaited], caller: int) -> Iterator[Part]:
        """Put the results of a user's turn into their places; what is left is the turn's own.

        `caller`: the position of the turn behind which nothing but results has come yet; -1 if there is none.
        """
        for part in turn.message.parts:
            if not isinstance(part, ToolResult):
                yield part
                continue
            waiting = awaited.get(part.call_id)
            if waiting is None:
                self._losses.emulate(f"messages.{turn.number}", "the result of a call that is not there, told as text")
                yield from _as_text(part)
                continue
            slot = waiting.take()
            if slot.result is not None:
                self._losses.drop(f"messages.{slot.number}", "the call has a later result")
            if slot.turn != caller:
                self._losses.emulate(f"messages.{turn.number}", "a late result, moved behind its call")
            slot.result, slot.number = part, turn.number

    def _result(self, turn: _Turn, slot: _Slot) -> ToolResult:
        if slot.result is not None:
            return slot.result
        self._losses.emulate(f"messages.{turn.number}", f"a call without a result, answered with {NO_OUTPUT}")
        call = slot.call
        return ToolResult(call.id, (Text(NO_OUTPUT),), is_error=True, name=call.name, custom=call.custom)


def _slots_of(turn: _Turn, position: int) -> list[_Slot]:
    return [_Slot(part, position) for part in turn.message.parts if isinstance(part, ToolCall)]


def _by_id(slots: Sequence[_Slot]) -> Mapping[str, _Awaited]:
    found: dict[str, _Awaited] = {}
    for slot in slots:
        found.setdefault(slot.call.id, _Awaited()).slots.append(slot)
    return found


def _as_text(result: ToolResult) -> Iterator[Part]:
    what = "Error" if result.is_error else "Result"
    yield Text(f"[{what} of an earlier tool call{f' of {result.name}' if result.name else ''}]", cache=result.cache)
    yield from result.content
