"""The messages of a client's request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import attrs

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Blob, Part, Refusal, Text, ToolCall, ToolResult, VendorPart
from cliproxy.conversation.request import Message, Role
from cliproxy.errors import BadRequest
from cliproxy.formats import jsontext
from cliproxy.formats.codec import NO_CALL_ID
from cliproxy.formats.openai_chat import thinking
from cliproxy.formats.openai_chat.citations import citations_of
from cliproxy.formats.openai_chat.decode_parts import NAME, content, mark_of, result_content, with_mark
from cliproxy.formats.openai_chat.fields import Place, as_json

_KNOWN: Final = frozenset(
    {
        "role",
        "content",
        "name",
        "refusal",
        "tool_calls",
        "function_call",
        "tool_call_id",
        "audio",
        "annotations",
        "cache_control",
        "prompt_cache_breakpoint",
        "extra_content",
        *thinking.KEYS,
    }
)
_OPERATOR: Final = (Role.SYSTEM, Role.DEVELOPER)


def decode_messages(request: Place, losses: Losses) -> tuple[tuple[Text, ...], tuple[Message, ...]]:
    """What the operator says before everything else, and what follows."""
    places = request.each("messages")
    if not places:
        raise BadRequest("messages: At least one message was expected.")
    reading = _Reading(losses)
    system: list[Text] = []
    messages: list[Message] = []
    for place in places:
        message = reading.message(place)
        previous = messages[-1] if messages else None
        if not messages and message.role in _OPERATOR and all(isinstance(part, Text) for part in message.parts):
            system += [part for part in message.parts if isinstance(part, Text)]
            if message.name:
                losses.drop("messages.name", "what the operator says at first has no name")
        elif previous is not None and _only_results(message) and _only_results(previous):
            messages[-1] = attrs.evolve(previous, parts=previous.parts + message.parts)
        else:
            messages.append(message)
    return tuple(system), tuple(messages)


def _only_results(message: Message) -> bool:
    return bool(message.parts) and all(isinstance(part, ToolResult) for part in message.parts)


class _Reading:
    """State: the calls that wait for their result, and how many ids were made for calls without."""

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._waiting: dict[str, ToolCall] = {}
        self._custom: set[str] = set()
        self._made = 0

    def message(self, place: Place) -> Message:
        """Raises `BadRequest`."""
        read = _ROLES.get(place.required_text("role"))
        if read is None:
            raise BadRequest(f"{place.at('role')}: One of {', '.join(_ROLES)} was expected.")
        for key, value in place.fields.items():
            if key not in _KNOWN and value and key != "index":
                self._losses.drop(f"messages.{key}", "no field of the format")
        return read(self, place)

    def words(self, role: Role, place: Place) -> Message:
        """Of the user or the operator."""
        return Message(role, with_mark(content(place), mark_of(place)), place.text("name") or "")

    def assistant(self, place: Place) -> Message:
        """Thinking, then words, then calls."""
        said = _cited(_signed(content(place), place), place)
        refusal = place.text("refusal")
        if refusal:
            said = (*said, Refusal(refusal))
        said = with_mark(said, mark_of(place))
        if place.fields.get("audio"):
            said = (*said, VendorPart(NAME, {"audio": as_json(place.fields["audio"])}))
        calls = [self._call(call) for call in place.each("tool_calls")]
        legacy = place.inner("function_call")
        if legacy is not None:
            calls.append(self._called(None, legacy, legacy.text("arguments") or ""))
        return Message(Role.ASSISTANT, (*thinking.thinking_of(place.fields), *said, *calls), place.text("name") or "")

    def result(self, place: Place) -> Message:
        """Of one tool."""
        name = place.text("name") or ""
        call_id = place.text("tool_call_id") or self._awaited(name)
        self._waiting.pop(call_id, None)
        result = ToolResult(
            call_id,
            result_content(place),
            name=name,
            custom=call_id in self._custom,
            cache=mark_of(place),
        )
        return Message(Role.USER, (result,))

    def _call(self, place: Place) -> ToolCall:
        call_id = place.text("id")
        if place.text("type") == "custom" or ("custom" in place.fields and "function" not in place.fields):
            custom = place.required_inner("custom")
            return self._called(call_id, custom, custom.text("input") or "", custom=True)
        function = place.required_inner("function")
        arguments = function.fields.get("arguments")
        text = jsontext.text_of(arguments) if isinstance(arguments, Mapping) else function.text("arguments") or ""
        return self._called(call_id, function, text, blob=signature_of(place.fields))

    def _called(
        self, call_id: str | None, place: Place, arguments: str, *, custom: bool = False, blob: Blob | None = None
    ) -> ToolCall:
        call = ToolCall(call_id or self._made_id(), place.required_text("name"), arguments, custom=custom, blob=blob)
        self._waiting[call.id] = call
        if custom:
            self._custom.add(call.id)
        return call

    def _awaited(self, name: str) -> str:
        """The call that a result without an id belongs to: the first that waits, of its name if it has one."""
        waiting = self._waiting
        of_name = next((call_id for call_id, call in waiting.items() if name and call.name == name), None)
        return of_name or next(iter(waiting), None) or self._made_id()

    def _made_id(self) -> str:
        self._made += 1
        return f"{NO_CALL_ID}{self._made}"


def signature_of(fields: Mapping[str, object]) -> Blob | None:
    """`extra_content.google.thought_signature`, of a call or of a message's words."""
    extra = fields.get("extra_content")
    google = extra.get("google") if isinstance(extra, Mapping) else None
    value = google.get("thought_signature") if isinstance(google, Mapping) else None
    return Blob(value) if isinstance(value, str) and value else None


def _signed(said: tuple[Part, ...], place: Place) -> tuple[Part, ...]:
    blob = signature_of(place.fields)
    if blob is None or not said or not isinstance(said[-1], Text):
        return said
    return (*said[:-1], attrs.evolve(said[-1], blob=blob))


def _cited(said: tuple[Part, ...], place: Place) -> tuple[Part, ...]:
    citations = citations_of(place.fields.get("annotations"))
    if not citations or len(said) != 1 or not isinstance(said[0], Text):
        return said
    return (attrs.evolve(said[0], citations=citations),)


_ROLES: Final[Mapping[str, Callable[[_Reading, Place], Message]]] = MappingProxyType(
    {
        "system": lambda reading, place: reading.words(Role.SYSTEM, place),
        "developer": lambda reading, place: reading.words(Role.DEVELOPER, place),
        "user": lambda reading, place: reading.words(Role.USER, place),
        "assistant": _Reading.assistant,
        "tool": _Reading.result,
        "function": _Reading.result,
    }
)
