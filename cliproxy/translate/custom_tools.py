"""Tools that take free text, for targets that know none: each becomes a function with one string, and back again.

On the way back the string is taken out of the call's arguments piece by piece, as they come.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, Final

import attrs

from cliproxy.conversation.events import Closed, Delta, Event, Failed, Opened
from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import JsonObject, Part, ToolCall, ToolResult
from cliproxy.conversation.request import Custom, Function, Message, Request, Tool
from cliproxy.formats.codec import Limits
from cliproxy.formats.jsontext import loads, object_of, text_of

_INPUT: Final = "input"
PARAMETERS: Final[JsonObject] = {
    "type": "object",
    "properties": {_INPUT: {"type": "string", "description": "The tool's whole input, as free text."}},
    "required": [_INPUT],
    "additionalProperties": False,
}
"""Of the function that stands for a tool with free text."""

MAX_HELD_CHARACTERS: Final = 64 * 1024
"""Of arguments in which the input has not come yet. It comes first unless the model puts in what nobody asked for."""


def fit_custom_tools(request: Request, limits: Limits, losses: Losses) -> tuple[Request, UnwrapInputs | None]:
    """The request with functions alone, and the stage that makes free text of their calls; None if nothing is to do."""
    if limits.custom_tools:
        return request, None
    if not _has_free_text(request):
        return request, None
    names: set[tuple[str, str]] = set()
    tools: list[Tool] = []
    for number, tool in enumerate(request.tools):
        if isinstance(tool, Custom):
            losses.emulate(f"tools.{number}", "free text is asked for as a function's one string")
            names.add((tool.namespace, tool.name))
            tool = _as_function(tool)
        tools.append(tool)
    messages = tuple(_without_free_text(message) for message in request.messages)
    fitted = attrs.evolve(request, tools=tuple(tools), messages=messages)
    return fitted, UnwrapInputs(frozenset(names)) if names else None


def _has_free_text(request: Request) -> bool:
    return any(isinstance(tool, Custom) for tool in request.tools) or any(
        isinstance(part, ToolCall | ToolResult) and part.custom
        for message in request.messages
        for part in message.parts
    )


def _as_function(tool: Custom) -> Function:
    description = [tool.description] if tool.description else []
    if tool.grammar:
        description.append(f"The input must match this {tool.syntax or 'formal'} grammar:\n{tool.grammar}")
    return Function(tool.name, "\n\n".join(description), PARAMETERS, namespace=tool.namespace)


def _without_free_text(message: Message) -> Message:
    if not any(isinstance(part, ToolCall | ToolResult) and part.custom for part in message.parts):
        return message
    return attrs.evolve(message, parts=tuple(_wrapped(part) for part in message.parts))


def _wrapped(part: Part) -> Part:
    if isinstance(part, ToolCall) and part.custom:
        return attrs.evolve(part, arguments=text_of({_INPUT: part.arguments}), custom=False)
    if isinstance(part, ToolResult) and part.custom:
        return attrs.evolve(part, custom=False)
    return part


class UnwrapInputs:
    """Makes calls with free text of the calls of some functions. `names`: theirs, with their namespaces.

    State: the calls that are open.
    """

    def __init__(self, names: frozenset[tuple[str, str]]) -> None:
        self._names = names
        self._open: dict[int, InputReader] = {}

    def feed(self, event: Event) -> Sequence[Event]:
        """The event; of such a call, with free text."""
        step = self._STEPS.get(type(event))
        return (event,) if step is None else step(self, event)

    def _opened(self, event: Opened) -> Sequence[Event]:
        call = event.part
        if not isinstance(call, ToolCall) or (call.namespace, call.name) not in self._names:
            return (event,)
        reader = self._open[event.index] = InputReader()
        opened = attrs.evolve(event, part=attrs.evolve(call, arguments="", custom=True))
        return (opened, *_delta(event.index, reader.feed(call.arguments)))

    def _delta(self, event: Delta) -> Sequence[Event]:
        reader = self._open.get(event.index)
        if reader is None or reader.passes(event.text):
            return (event,)
        return _delta(event.index, reader.feed(event.text))

    def _closed(self, event: Closed) -> Sequence[Event]:
        reader = self._open.pop(event.index, None)
        return (event,) if reader is None else (*_delta(event.index, reader.finish()), event)

    def _failed(self, event: Failed) -> Sequence[Event]:
        self._open.clear()
        return (event,)

    _STEPS: ClassVar[Mapping[type[Event], Callable[..., Sequence[Event]]]] = MappingProxyType(
        {
            Opened: _opened,
            Delta: _delta,
            Closed: _closed,
            Failed: _failed,
        }
    )


def _delta(index: int, text: str) -> Sequence[Event]:
    return (Delta(index, text),) if text else ()


_SPACE: Final = frozenset(" \t\r\n")
_ESCAPES: Final[Mapping[str, str]] = MappingProxyType(
    {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
)
_HEX: Final = frozenset("0123456789abcdefABCDEF")
_ESCAPE_CHARACTERS: Final = len(r"\u0061")
_HALVES: Final = range(0xD800, 0xE000)
_SECOND_HALVES: Final = range(0xDC00, 0xE000)
_LONE_HALF: Final = "\ufffd"
"""For half of a surrogate pair, which is no character and could not be written."""


class InputReader:
    """Reads the string `input` of a JSON object that comes in pieces; what else is in the object is left out.

    Arguments that are no such object are told as they are: better free text in a wrapping than none.

    State: the step that is next, and of arguments in which the input has not come yet at most `MAX_HELD_CHARACTERS`.
    A step takes characters of a piece from a position on, or leaves them to another; it returns where the next begins.
    """

    __slots__ = (
        "_depth",
        "_escape",
        "_flows",
        "_half",
        "_held",
        "_held_characters",
        "_key",
        "_quoted",
        "_searching",
        "_step",
        "_told",
    )

    def __init__(self) -> None:
        self._step: Callable[[str, int], int] = self._before
        self._told: list[str] = []
        self._searching = True
        self._held: list[str] = []
        self._held_characters = 0
        self._key: list[str] = []
        self._depth = 0
        self._quoted = False
        self._flows = False
        self._escape = ""
        self._half = 0

    def passes(self, text: str) -> bool:
        """The hot path: whether `text` is nothing but input, as it stands."""
        return self._flows and "\\" not in text and '"' not in text

    def feed(self, text: str) -> str:
        """What of the input `text` holds."""
        if self._searching:
            self._held.append(text)
            self._held_characters += len(text)
        position = 0
        while position < len(text):
            position = self._step(text, position)
        if self._held_characters > MAX_HELD_CHARACTERS:
            self._give_up(text)
        return self._taken()

    def finish(self) -> str:
        """What is left to tell when no more comes. An object with nothing in it is an input with nothing in it."""
        self._end_half()
        held = "".join(self._held)
        if object_of(held) != {}:
            self._told.append(held)
        return self._taken()

    def _taken(self) -> str:
        told = "".join(self._told)
        self._told.clear()
        return told

    # -- before the input

    def _before(self, text: str, at: int) -> int:
        if text[at] in _SPACE:
            return at + 1
        if text[at] != "{":
            return self._give_up(text)
        self._step = self._between
        return at + 1

    def _between(self, text: str, at: int) -> int:
        """In front of a key, or of the object's end."""
        char = text[at]
        if char == '"':
            self._key.clear()
            self._step = self._name
        elif char == "}":
            self._step = self._behind
        elif char != "," and char not in _SPACE:
            return self._give_up(text)
        return at + 1

    def _name(self, text: str, at: int) -> int:
        char = text[at]
        if char == '"' and not self._escape:
            self._step = self._colon
        else:
            self._key.append(char)
            self._escape = char if char == "\\" and not self._escape else ""
        return at + 1

    def _colon(self, text: str, at: int) -> int:
        if text[at] == ":":
            self._step = self._value
        elif text[at] not in _SPACE:
            return self._give_up(text)
        return at + 1

    def _value(self, text: str, at: int) -> int:
        """In front of a value."""
        if text[at] in _SPACE:
            return at + 1
        if not self._is_input():
            self._step = self._other
            return self._other(text, at)
        if text[at] != '"':
            return self._give_up(text)
        self._found()
        self._step = self._inside
        self._flows = True
        return at + 1

    def _is_input(self) -> bool:
        try:
            return loads(f'"{"".join(self._key)}"') == _INPUT
        except ValueError:
            return False

    def _other(self, text: str, at: int) -> int:
        """In the value of another key."""
        char = text[at]
        if self._quoted:
            self._quoted = char != '"' or bool(self._escape)
            self._escape = char if char == "\\" and not self._escape else ""
        elif char == '"':
            self._quoted = True
        elif char in "{[":
            self._depth += 1
        elif char in "}]":
            self._depth -= 1
            if self._depth < 0:
                self._step = self._behind
        elif char == "," and not self._depth:
            self._step = self._between
        return at + 1

    def _give_up(self, text: str) -> int:
        """These are no such arguments: what is held, `text` with it, is told as it stands, and whatever follows."""
        self._told += self._held
        self._found()
        self._step = self._raw
        return len(text)

    def _found(self) -> None:
        self._searching = False
        self._held.clear()
        self._held_characters = 0

    # -- the input, and what follows

    def _inside(self, text: str, at: int) -> int:
        slash = text.find("\\", at)
        plain = len(text) if slash < 0 else slash
        quote = text.find('"', at, plain)
        end = plain if quote < 0 else quote
        if end > at:
            self._end_half()
            self._told.append(text[at:end])
        self._flows = end == len(text)
        if quote >= 0:
            self._step = self._behind
        elif slash >= 0:
            self._escape = "\\"
            self._step = self._escaped
        return end + 1

    def _escaped(self, text: str, at: int) -> int:
        """Behind a backslash. What is no escape is told as it stands."""
        char = text[at]
        if self._escape == "\\":
            if char != "u":
                self._end_half()
                self._told.append(_ESCAPES.get(char, f"\\{char}"))
                return self._unescaped(at + 1)
        elif char not in _HEX:
            self._end_half()
            self._told.append(self._escape)
            return self._unescaped(at)
        self._escape += char
        if len(self._escape) < _ESCAPE_CHARACTERS:
            return at + 1
        self._tell(int(self._escape[2:], 16))
        return self._unescaped(at + 1)

    def _unescaped(self, at: int) -> int:
        self._escape = ""
        self._step = self._inside
        self._flows = not self._half
        return at

    def _tell(self, code: int) -> None:
        """A character by its number, or half of one."""
        if self._half and code in _SECOND_HALVES:
            self._told.append(chr(0x10000 + ((self._half - _HALVES.start) << 10) + code - _SECOND_HALVES.start))
            self._half = 0
            return
        self._end_half()
        if code not in _HALVES:
            self._told.append(chr(code))
        elif code in _SECOND_HALVES:
            self._told.append(_LONE_HALF)
        else:
            self._half = code

    def _end_half(self) -> None:
        if self._half:
            self._told.append(_LONE_HALF)
            self._half = 0

    def _behind(self, text: str, at: int) -> int:
        """Whatever follows the input, or an object without one, is not told."""
        return len(text)

    def _raw(self, text: str, at: int) -> int:
        self._told.append(text[at:])
        return len(text)
