"""The contents of a Gemini request: what the user's side says, with the checks that the real service makes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

import attrs
import orjson

from cliproxy.demo.fields import Mistake, Node
from cliproxy.demo.gemini.signatures import check_signature
from cliproxy.demo.gemini.words import check_names, dotted
from cliproxy.demo.history import Attachment, Kind, Said, base64_size

CONTENT: Final = ("role", "parts")
DATA: Final = (
    *("text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode"),
    *("codeExecutionResult", "toolCall", "toolResponse"),
)
"""What a part may hold, one of them."""
PART: Final = (*DATA, "thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata")
CALL: Final = ("id", "name", "args")
RESPONSE: Final = ("id", "name", "response", "parts", "scheduling", "willContinue")
_KINDS: Final[Mapping[str, Kind]] = {"image": "image", "audio": "recording", "video": "film"}


def read_contents(contents: list[Node], needs_signatures: bool) -> list[Said]:
    """The user's turns. Every turn of calls is followed by one of as many responses. With `needs_signatures` the first
    call of each step of the current turn must be signed.
    """
    reading = _Reading()
    for content in contents:
        check_names(content, CONTENT)
        role = content.text_at("role", "user")
        if role not in ("user", "model"):
            raise Mistake("Please use a valid role: user, model.")
        parts = content.each("parts")
        if not parts:
            path = dotted((*content.path, "parts"))
            raise Mistake(f"* GenerateContentRequest.{path}: contents.parts must not be empty.\n")
        kinds = [_kind(part) for part in parts]
        if role == "model":
            reading.model(parts, kinds)
        else:
            reading.user(parts, kinds)
    reading.check_answered()
    if needs_signatures and reading.unsigned is not None:
        raise reading.unsigned
    return reading.turns


@attrs.define
class _Reading:
    """State: the turns so far, the calls that wait for responses, the turn of the user's side, and what is to be said
    of the first call since the last instruction that has no signature.
    """

    turns: list[Said] = attrs.field(factory=list)
    waiting: list[Node] = attrs.field(factory=list)
    turn: Said | None = None
    unsigned: Mistake | None = None

    def model(self, parts: list[Node], kinds: list[str]) -> None:
        self.check_answered()
        calls = [part for part, kind in zip(parts, kinds, strict=True) if kind == "functionCall"]
        if calls and self.turn is None:
            raise Mistake(
                "Please ensure that function call turn comes immediately after a user turn or after a function response"
                " turn."
            )
        self.turn = None
        self.waiting = [_call(part) for part in calls]
        signed = [check_signature(part) for part in parts]
        if calls and self.unsigned is None and not signed[kinds.index("functionCall")]:
            self.unsigned = _missing_signature(calls[0])

    def user(self, parts: list[Node], kinds: list[str]) -> None:
        responses = [_response(part) for part, kind in zip(parts, kinds, strict=True) if kind == "functionResponse"]
        if self.waiting or responses:
            _check_pairs(self.waiting, responses)
        else:
            self.unsigned = None
        self.waiting = []
        if self.turn is None:
            self.turn = Said()
            self.turns.append(self.turn)
        for part, kind in zip(parts, kinds, strict=True):
            _USER_PARTS.get(kind, _pass_by)(part, self.turn)

    def check_answered(self) -> None:
        """Raises `Mistake` if calls have no responses."""
        if self.waiting:
            raise _uneven()


def _kind(part: Node) -> str:
    """What the part holds. Raises `Mistake` unless it is one thing."""
    check_names(part, PART)
    held = [name for name in DATA if part.at(name) is not None]
    if len(held) != 1:
        told = "required oneof field 'data' must have one initialized field"
        raise Mistake(f"* GenerateContentRequest.{dotted((*part.path, 'data'))}: {told}\n")
    return held[0]


# -- calls and their responses -------------------------------------------------------------------------------------


def _call(part: Node) -> Node:
    call = part.need("functionCall")
    check_names(call, CALL)
    call.need("name").text()
    call.text_at("id")
    if (arguments := call.at("args")) is not None:
        arguments.fields()
    return call


def _response(part: Node) -> Node:
    response = part.need("functionResponse")
    check_names(response, RESPONSE)
    response.need("name").text()
    response.text_at("id")
    response.need("response").fields()
    return response


def _check_pairs(calls: list[Node], responses: list[Node]) -> None:
    """Raises `Mistake` unless each call has one response of its name and, where both say it, of its id."""
    if len(calls) != len(responses):
        raise _uneven()
    called, answered = (Counter(node.text_at("name") for node in nodes) for nodes in (calls, responses))
    if called != answered:
        names = ", ".join(sorted((answered - called).keys()))
        raise Mistake(f"Function response names do not match the function calls: no call of {names} waits for one.")
    names_by_id = {node.text_at("id"): node.text_at("name") for node in calls if node.at("id") is not None}
    for response in responses:
        given = response.text_at("id")
        if given and names_by_id and names_by_id.get(given) != response.text_at("name"):
            raise Mistake(f"Function response id '{given}' is the id of no such function call.")


def _uneven() -> Mistake:
    return Mistake(
        "Please ensure that the number of function response parts is equal to the number of function call parts of the"
        " function call turn."
    )


def _missing_signature(part: Node) -> Mistake:
    name = part.need("functionCall").need("name").text()
    return Mistake(
        "Function call is missing a thought_signature in functionCall parts. This is required for tools to work"
        f" correctly. Additional data, function call `default_api:{name}`, position {int(part.path[1]) + 1}."
    )


# -- the user's parts ----------------------------------------------------------------------------------------------


def _read_text(part: Node, turn: Said) -> None:
    turn.texts.append(part.need("text").text())


def _read_inline(part: Node, turn: Said) -> None:
    inline = part.need("inlineData")
    check_names(inline, ("mimeType", "data", "displayName"))
    held = inline.need("data")
    size = base64_size(held.text())
    if size is None:
        raise Mistake(f"Invalid value at '{dotted(held.path)}' (TYPE_BYTES), Base64 decoding failed.")
    turn.attachments.append(Attachment(_media(inline.need("mimeType").text()), size))


def _read_file(part: Node, turn: Said) -> None:
    file = part.need("fileData")
    file.need("fileUri").text()
    turn.attachments.append(Attachment(_media(file.text_at("mimeType")), None))


def _read_response(part: Node, turn: Said) -> None:
    response = part.need("functionResponse")
    given = response.need("response").fields()
    result = next((given[name] for name in ("output", "result", "error") if name in given), given)
    turn.results[f"{len(turn.results)}"] = result if isinstance(result, str) else orjson.dumps(result).decode()
    for inner in response.each("parts"):
        for kind in ("inlineData", "fileData"):
            if inner.at(kind) is not None:
                _USER_PARTS[kind](inner, turn)


def _pass_by(part: Node, turn: Said) -> None:
    """Other parts are taken without a look."""


_USER_PARTS: Final[Mapping[str, Callable[[Node, Said], None]]] = {
    "text": _read_text,
    "inlineData": _read_inline,
    "fileData": _read_file,
    "functionResponse": _read_response,
}


def _media(media_type: str) -> Kind:
    return _KINDS.get(media_type.partition("/")[0], "document")
