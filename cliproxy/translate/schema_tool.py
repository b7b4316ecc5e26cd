"""An answer of a given shape, from models that take no schema for it: asked for as the arguments of a tool.

    no tools of the client's           the tool is forced
    tools, of which none is demanded   some tool is demanded: this one is how the model answers
    a tool is demanded                 the answer will be its call, which needs no shape

Clients read the whole visible text as JSON, so what the model says beside the call is left out. That it was beside a
call shows only when the call comes: until then text waits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from types import MappingProxyType
from typing import ClassVar, Final

import attrs
import msgspec

from cliproxy.conversation.events import (
    Cited,
    Closed,
    Delta,
    Ended,
    Event,
    Failed,
    Finished,
    Opened,
    Signed,
    Started,
    Stop,
    Used,
)
from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import EMPTY_ARGUMENTS, Json, JsonObject, Part, Refusal, Text, ToolCall
from cliproxy.conversation.request import Custom, Function, Output, Request, ToolChoice
from cliproxy.translate.names import flat

NAME: Final = "json_output"
_VALUE: Final = "value"
_DESCRIPTION: Final = "Gives the final answer. Call it once, with the whole answer, and write nothing beside it."
_INSTRUCTION: Final = "Give your final answer by calling the tool {name}, and write nothing beside it."
_OF_ROOT: Final = frozenset({"$defs", "definitions", "$schema"})
"""What references point to must stay at the root."""
_NO_PLAIN_OBJECT: Final = frozenset({"anyOf", "oneOf", "allOf", "not", "$ref", "enum", "const", "if"})
"""With these a root is refused as the schema of a tool, or bent."""

MAX_HELD_CHARACTERS: Final = 64 * 1024
"""Of text that may stand beside the call. Who says more than this beside it does not call it."""
MAX_WRAPPED_CHARACTERS: Final = 4 * 1024 * 1024
"""Of an answer that must be taken out of its wrapping at the end. A model's longest one has a tenth of it."""


def fit_output(request: Request, losses: Losses, *, forced_tools: bool) -> tuple[Request, JsonAnswer | None]:
    """The request with the tool, and the stage that makes text of its call; None if nothing is to be asked so.

    Where the model refuses forced tools, the system's words ask for the call.
    """
    output, choice = request.output, request.tool_choice
    if output.kind == "text":
        return request, None
    if choice is not None and choice.mode == "required":
        losses.emulate("output", "the answer is the call of a tool, which needs no shape")
        return attrs.evolve(request, output=Output()), None
    losses.emulate("output", "the answer is asked for as the arguments of a tool")
    name = _free_name(request)
    schema, wrapped = parameters_for(output)
    description = f"{_DESCRIPTION}\n\n{output.description}" if output.description else _DESCRIPTION
    tool = Function(name, description, schema, strict=output.strict)
    fitted = attrs.evolve(
        request,
        tools=(*request.tools, tool),
        tool_choice=_choice(request, name, forced_tools),
        system=request.system if forced_tools else (*request.system, Text(_INSTRUCTION.format(name=name))),
        output=Output(),
    )
    return fitted, JsonAnswer(name, wrapped)


def _choice(request: Request, name: str, forced_tools: bool) -> ToolChoice | None:
    choice = request.tool_choice
    if not request.tools or (choice is not None and choice.mode == "none"):
        names: tuple[str, ...] = (name,)
    else:
        names = (*choice.names, name) if choice is not None and choice.names else ()
    if forced_tools:
        return ToolChoice("required", names)
    return ToolChoice("auto", names) if names and request.tools else None


def _free_name(request: Request) -> str:
    taken = {flat((tool.namespace, tool.name)) for tool in request.tools if isinstance(tool, Function | Custom)}
    name, number = NAME, 1
    while name in taken:
        number += 1
        name = f"{NAME}_{number}"
    return name


def parameters_for(output: Output) -> tuple[JsonObject, bool]:
    """The tool's schema, and whether the answer stands in a wrapping, as a tool's arguments must be an object."""
    schema = output.schema
    if schema is None:
        return {"type": "object"}, False
    if schema.get("type") == "object" and _NO_PLAIN_OBJECT.isdisjoint(schema):
        return schema, False
    value: Json = {key: item for key, item in schema.items() if key not in _OF_ROOT}
    kept = {key: item for key, item in schema.items() if key in _OF_ROOT}
    wrapping: dict[str, Json] = {"properties": {_VALUE: value}, "required": [_VALUE], "additionalProperties": False}
    return {**kept, "type": "object", **wrapping}, True


class _Place(Enum):
    """What becomes of a part."""

    TOLD = auto()
    WAITING = auto()
    ANSWER = auto()
    LEFT_OUT = auto()


@attrs.define
class _Part:
    place: _Place
    choice: int
    number: int = -1
    """Among those that are told."""


@attrs.define
class _Choice:
    """State of one choice: the text that waits, whether more would, and what has been called."""

    waiting: list[Event] = attrs.field(factory=list)
    characters: int = 0
    flows: bool = False
    answered: bool = False
    called: bool = False


class JsonAnswer:
    """Makes visible text of the first call of the tool `name` in each choice.

    State: the open parts, how many were told, and the choices.
    """

    def __init__(self, name: str, wrapped: bool) -> None:
        self._name = name
        self._wrapped = wrapped
        self._parts: dict[int, _Part] = {}
        self._told = 0
        self._choices: dict[int, _Choice] = {}
        self._answers: dict[int, _Answer] = {}

    def feed(self, event: Event) -> Sequence[Event]:
        """The event, or text in its place, or nothing yet."""
        return self._STEPS[type(event)](self, event)

    def _passed(self, event: Event) -> Sequence[Event]:
        return (event,)

    def _opened(self, event: Opened) -> Sequence[Event]:
        choice = self._choices.setdefault(event.choice, _Choice())
        before: Sequence[Event] = ()
        place = self._place(event.part, choice)
        part = self._parts[event.index] = _Part(place, event.choice)
        if place is _Place.ANSWER:
            choice.answered = True
            self._leave_out(event.choice, choice)
            self._answers[event.index] = _Answer(self._wrapped)
            event = attrs.evolve(event, part=Text(""))
        elif isinstance(event.part, ToolCall | Refusal) and place is _Place.TOLD:
            choice.called = choice.called or isinstance(event.part, ToolCall)
            before = self._release(event.choice, choice)
        elif place is _Place.WAITING:
            return self._wait(event, choice, 0)
        elif place is _Place.LEFT_OUT:
            return ()
        return (*before, self._open(event, part))

    def _place(self, part: Part, choice: _Choice) -> _Place:
        if isinstance(part, Text):
            return _Place.LEFT_OUT if choice.answered else _Place.TOLD if choice.flows else _Place.WAITING
        if isinstance(part, ToolCall) and part.name == self._name and not part.namespace:
            return _Place.LEFT_OUT if choice.answered else _Place.ANSWER
        return _Place.TOLD

    def _open(self, event: Opened, part: _Part) -> Event:
        """Parts are numbered anew, as some are left out."""
        part.number = self._told
        self._told += 1
        return event if event.index == part.number else attrs.evolve(event, index=part.number)

    def _delta(self, event: Delta) -> Sequence[Event]:
        part = self._parts.get(event.index)
        if part is None or part.place is _Place.LEFT_OUT:
            return ()
        if part.place is _Place.WAITING:
            return self._wait(event, self._choices[part.choice], len(event.text))
        if part.place is _Place.ANSWER:
            told = self._answers[event.index].feed(event.text)
            if told is not event.text:
                return _delta(part.number, told)
        return (event,) if event.index == part.number else (attrs.evolve(event, index=part.number),)

    def _beside(self, event: Signed | Cited) -> Sequence[Event]:
        """A call's signature is none of the text's."""
        part = self._parts.get(event.index)
        if part is None or part.place in (_Place.LEFT_OUT, _Place.ANSWER):
            return ()
        if part.place is _Place.WAITING:
            return self._wait(event, self._choices[part.choice], 0)
        return (attrs.evolve(event, index=part.number),)

    def _closed(self, event: Closed) -> Sequence[Event]:
        part = self._parts.get(event.index)
        if part is not None and part.place is _Place.WAITING:
            return self._wait(event, self._choices[part.choice], 0)
        self._parts.pop(event.index, None)
        if part is None or part.place is _Place.LEFT_OUT:
            return ()
        answer = self._answers.pop(event.index, None)
        rest = _delta(part.number, answer.finish()) if answer is not None else ()
        return (*rest, Closed(part.number))

    def _finished(self, event: Finished) -> Sequence[Event]:
        choice = self._choices.get(event.choice, _Choice())
        before = self._release(event.choice, choice)
        if event.stop is Stop.TOOLS and choice.answered and not choice.called:
            event = attrs.evolve(event, stop=Stop.END)
        return (*before, event)

    def _failed(self, event: Failed) -> Sequence[Event]:
        """What waits was said, whatever came then."""
        before = [told for number, choice in self._choices.items() for told in self._release(number, choice)]
        return (*before, event)

    def _wait(
        self, event: Opened | Delta | Signed | Cited | Closed, choice: _Choice, characters: int
    ) -> Sequence[Event]:
        choice.waiting.append(event)
        choice.characters += characters + 1
        return (
            () if choice.characters <= MAX_HELD_CHARACTERS else self._release(self._parts[event.index].choice, choice)
        )

    def _release(self, number: int, choice: _Choice) -> Sequence[Event]:
        """The text that waited, which was no word beside the call; more of it need not wait."""
        choice.flows = True
        for part in self._parts.values():
            if part.choice == number and part.place is _Place.WAITING:
                part.place = _Place.TOLD
        waiting, choice.waiting = choice.waiting, []
        return [told for event in waiting for told in self.feed(event)]

    def _leave_out(self, number: int, choice: _Choice) -> None:
        choice.waiting.clear()
        for part in self._parts.values():
            if part.choice == number and part.place is _Place.WAITING:
                part.place = _Place.LEFT_OUT

    _STEPS: ClassVar[Mapping[type[Event], Callable[..., Sequence[Event]]]] = MappingProxyType(
        {
            Started: _passed,
            Opened: _opened,
            Delta: _delta,
            Signed: _beside,
            Cited: _beside,
            Closed: _closed,
            Used: _passed,
            Finished: _finished,
            Ended: _passed,
            Failed: _failed,
        }
    )


class _Answer:
    """The call's arguments on their way to be text. State: what came of those that stand in a wrapping."""

    def __init__(self, wrapped: bool) -> None:
        self._wrapped = wrapped
        self._held: list[str] = []
        self._characters = 0

    def feed(self, text: str) -> str:
        self._characters += len(text)
        if not self._wrapped:
            return text
        self._held.append(text)
        if self._characters <= MAX_WRAPPED_CHARACTERS:
            return ""
        self._wrapped = False
        told = "".join(self._held)
        self._held.clear()
        return told

    def finish(self) -> str:
        """What is left; of a call without any arguments, an empty object."""
        if not self._characters:
            return EMPTY_ARGUMENTS
        return unwrapped("".join(self._held)) if self._wrapped else ""


_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def unwrapped(arguments: str) -> str:
    """The JSON text of the value in its wrapping, to the digit; all of it if there is no such thing."""
    try:
        fields = _FIELDS.decode(arguments)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return arguments
    value = fields.get(_VALUE)
    return arguments if value is None else bytes(value).decode()


def _delta(index: int, text: str) -> Sequence[Event]:
    return (Delta(index, text),) if text else ()
