"""The messages of a Chat request: what the user's side says, with the checks that the real service makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import attrs

from cliproxy.demo.fields import Mistake, Node
from cliproxy.demo.history import Said
from cliproxy.demo.openai.media import file_in, image_at, recording_in
from cliproxy.demo.openai.words import at_most, bracketed, invalid, one_of

CALL_ID_LENGTH: Final = 40


def read_messages(messages: list[Node]) -> list[Said]:
    """The user's turns. Tool messages stand right behind the message whose calls they answer, and answer all of it."""
    reading = _Reading()
    for message in messages:
        role = one_of(message.need("role"), _ROLES)
        if role != "tool":
            reading.check_answered()
        _ROLES[role](reading, message)
    reading.check_answered()
    return reading.turns


@attrs.define
class _Reading:
    """State: the turns so far, the calls that wait for their results, and the turn of the user's side."""

    turns: list[Said] = attrs.field(factory=list)
    waiting: dict[str, None] = attrs.field(factory=dict)
    """Ids of calls, in their order."""
    calling: Node | None = None
    """The message that they stand in."""
    turn: Said | None = None

    def user(self, message: Node) -> None:
        turn = self._users_turn()
        content = message.need("content")
        if isinstance(content.value, str):
            turn.texts.append(content.value)
            return
        for part in _parts(content, _USER_PARTS):
            _USER_PARTS[part.need("type").text()](part, turn)

    def assistant(self, message: Node) -> None:
        self.turn = None
        calls = message.at("tool_calls")
        content = message.at("content")
        if content is not None and not isinstance(content.value, str):
            for part in _parts(content, ("text", "refusal")):
                part.need(part.need("type").text()).text()
        if content is None and not any(
            message.at(name) for name in ("tool_calls", "refusal", "audio", "function_call")
        ):
            raise Mistake(
                "Invalid value for 'content': expected a string, got null.",
                bracketed((*message.path, "content")),
            )
        if calls is None:
            return
        if not calls.each():
            told = "empty array. Expected an array with minimum length 1, but got an empty array instead."
            raise invalid(calls, told, "empty_array")
        self.calling = message
        self.waiting = dict.fromkeys(_call_id(call) for call in calls.each())

    def tool(self, message: Node) -> None:
        call = message.need("tool_call_id").text()
        if call not in self.waiting:
            raise Mistake(
                "Invalid parameter: messages with role 'tool' must be a response to a preceding message with"
                f" 'tool_calls', and '{call}' is the id of none that waits.",
                bracketed((*message.path, "role")),
            )
        del self.waiting[call]
        self._users_turn().results[call] = _result(message.need("content"))

    def operator(self, message: Node) -> None:
        """System and developer are no turn of anybody's."""
        content = message.need("content")
        if not isinstance(content.value, str):
            for part in _parts(content, ("text",)):
                part.need("text").text()

    def check_answered(self) -> None:
        """Raises `Mistake` if calls have no results."""
        if self.waiting and self.calling is not None:
            raise Mistake(
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each"
                " 'tool_call_id'. The following tool_call_ids did not have response messages:"
                f" {', '.join(self.waiting)}",
                bracketed((*self.calling.path, "role")),
            )

    def _users_turn(self) -> Said:
        if self.turn is None:
            self.turn = Said()
            self.turns.append(self.turn)
        return self.turn


_ROLES: Final[Mapping[str, Callable[[_Reading, Node], None]]] = {
    "system": _Reading.operator,
    "assistant": _Reading.assistant,
    "user": _Reading.user,
    "tool": _Reading.tool,
    "developer": _Reading.operator,
}


def _call_id(call: Node) -> str:
    kind = one_of(call.need("type"), ("function", "custom"))
    held = call.need(kind)
    held.need("name").text()
    held.need("arguments" if kind == "function" else "input").text()
    return at_most(call.need("id"), CALL_ID_LENGTH)


def _result(content: Node) -> str:
    if isinstance(content.value, str):
        return content.value
    for part in content.each():
        if part.need("type").text() == "image_url":
            raise Mistake(
                f"Invalid '{bracketed(content.path[:-1])}'. Image URLs are only allowed for messages with role 'user',"
                " but this message with role 'tool' contains an image URL.",
                bracketed(content.path[:-1]),
                "invalid_value",
            )
    return "\n".join(part.need("text").text() for part in _parts(content, ("text",)))


def _parts(content: Node, kinds: Mapping[str, object] | tuple[str, ...]) -> list[Node]:
    """The parts, each of a kind that is taken here."""
    if not isinstance(content.value, list):
        raise content.mistyped("a string or an array of objects")
    for part in content.each():
        one_of(part.need("type"), kinds)
    return content.each()


def _text(part: Node, turn: Said) -> None:
    turn.texts.append(part.need("text").text())


def _image(part: Node, turn: Said) -> None:
    image = part.need("image_url")
    if (detail := image.at("detail")) is not None:
        one_of(detail, ("auto", "low", "high", "original"))
    turn.attachments.append(image_at(image.need("url")))


def _audio(part: Node, turn: Said) -> None:
    turn.attachments.append(recording_in(part.need("input_audio")))


def _file(part: Node, turn: Said) -> None:
    turn.attachments.append(file_in(part.need("file")))


_USER_PARTS: Final[Mapping[str, Callable[[Node, Said], None]]] = {
    "text": _text,
    "image_url": _image,
    "input_audio": _audio,
    "file": _file,
}
