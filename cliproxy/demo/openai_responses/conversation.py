"""The input items of a Responses request: what the user's side says, with the checks that the real service makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import attrs

from cliproxy.demo.fields import Mistake, Node
from cliproxy.demo.history import Said
from cliproxy.demo.openai.media import file_in, image_at, recording_in
from cliproxy.demo.openai.words import at_most, one_of
from cliproxy.demo.openai_responses.reasoning import check_encrypted

CALL_ID_LENGTH: Final = 64
OWN_ITEMS: Final = ("rs_demo", "msg_demo", "fc_demo", "ctc_demo")
"""How the ids of the demo's own items begin."""

HOSTED_ITEMS: Final = (
    *("file_search_call", "computer_call", "web_search_call", "tool_search_call", "image_generation_call"),
    *("code_interpreter_call", "local_shell_call", "shell_call", "apply_patch_call", "mcp_list_tools"),
    *("mcp_approval_request", "mcp_call", "program"),
)
"""Of the assistant's side, and taken without a look."""
HOSTED_OUTPUTS: Final = (
    *("computer_call_output", "tool_search_output", "local_shell_call_output", "shell_call_output"),
    *("apply_patch_call_output", "mcp_approval_response", "program_output", "configuration_update"),
    "compaction_trigger",
)


@attrs.define
class Conversation:
    """What the items say. State: also the calls without output so far, and reasoning without its item."""

    stored: bool
    """Whether the client may name items that it did not send."""
    turns: list[Said] = attrs.field(factory=list)
    more_tools: list[Node] = attrs.field(factory=list)
    """Of `additional_tools` items."""
    answers: list[bool] = attrs.field(factory=list)
    """Of each item: whether it is the assistant's."""
    _calls: dict[str, str] = attrs.field(factory=dict)
    """Every call's kind, by its id."""
    _waiting: dict[str, None] = attrs.field(factory=dict)
    _reasoning: Node | None = None
    _turn: Said | None = None

    def read(self, items: list[Node]) -> None:
        """All items. Raises `Mistake`."""
        for item in items:
            kind = "message" if item.at("type") is None else one_of(item.need("type"), _ITEMS)
            if kind == "message":
                role = one_of(item.need("role"), ("assistant", "system", "developer", "user"))
            self.answers.append(role == "assistant" if kind == "message" else kind in _ANSWERS)
            if self.answers[-1]:
                self._turn = self._reasoning = None
            else:
                self._check_followed()
            _ITEMS[kind](self, item)
        self._check_followed()
        if self._waiting:
            raise Mistake(f"No tool output found for function call {next(iter(self._waiting))}.", "input")

    def message(self, item: Node) -> None:
        role = item.need("role").text()
        content = item.need("content")
        if isinstance(content.value, str):
            if role == "user":
                self._users_turn().texts.append(content.value)
            return
        if not isinstance(content.value, list):
            raise content.mistyped("a string or an array of objects")
        kinds = ("output_text", "refusal") if role == "assistant" else tuple(_PARTS)
        turn = self._users_turn() if role == "user" else Said()
        for part in content.each():
            kind = one_of(part.need("type"), kinds)
            if role == "assistant":
                part.need("text" if kind == "output_text" else "refusal").text()
            else:
                _PARTS[kind](part, turn)

    def reasoning(self, item: Node) -> None:
        for part in item.need("summary").each():
            one_of(part.need("type"), ("summary_text",))
            part.need("text").text()
        item_id = item.text_at("id")
        if item.at("encrypted_content") is not None:
            check_encrypted(item)
        elif not self.stored or not item_id.startswith(OWN_ITEMS):
            raise unknown_item(item_id)
        self._reasoning = item

    def call(self, item: Node) -> None:
        kind = item.need("type").text()
        item.need("name").text()
        item.need("arguments" if kind == "function_call" else "input").text()
        call = at_most(item.need("call_id"), CALL_ID_LENGTH)
        self._calls[call] = kind
        self._waiting[call] = None

    def output(self, item: Node) -> None:
        kind = item.need("type").text().removesuffix("_output")
        call = at_most(item.need("call_id"), CALL_ID_LENGTH)
        if self._calls.get(call) != kind:
            told = kind.replace("_", " ")
            raise Mistake(f"No tool call found for {told} output with call_id {call}.", "input")
        self._waiting.pop(call, None)
        turn = self._users_turn()
        turn.results[call] = _flat(item.need("output"), turn)

    def add_tools(self, item: Node) -> None:
        self.more_tools += item.need("tools").each()

    def compaction(self, item: Node) -> None:
        check_encrypted(item)

    def reference(self, item: Node) -> None:
        raise unknown_item(item.need("id").text())

    def pass_by(self, item: Node) -> None:
        """Nothing to learn from it."""

    def _users_turn(self) -> Said:
        if self._turn is None:
            self._turn = Said()
            self.turns.append(self._turn)
        return self._turn

    def _check_followed(self) -> None:
        if self._reasoning is not None:
            item_id = self._reasoning.text_at("id", "without an id")
            told = f"Item '{item_id}' of type 'reasoning' was provided without its required following item."
            raise Mistake(told, "input")


_ITEMS: Final[Mapping[str, Callable[[Conversation, Node], None]]] = {
    "message": Conversation.message,
    "reasoning": Conversation.reasoning,
    "function_call": Conversation.call,
    "custom_tool_call": Conversation.call,
    "function_call_output": Conversation.output,
    "custom_tool_call_output": Conversation.output,
    "additional_tools": Conversation.add_tools,
    "compaction": Conversation.compaction,
    "item_reference": Conversation.reference,
    **dict.fromkeys((*HOSTED_ITEMS, *HOSTED_OUTPUTS), Conversation.pass_by),
}
_ANSWERS: Final = frozenset({"reasoning", "function_call", "custom_tool_call", *HOSTED_ITEMS})


def unknown_item(item_id: str) -> Mistake:
    """The demo remembers nothing."""
    return Mistake(
        f"Item with id '{item_id}' not found. Items are not persisted when `store` is set to false. Try again with"
        " `store` set to true, or remove this item from your input.",
        "input",
        status=404,
    )


def _text(part: Node, turn: Said) -> None:
    turn.texts.append(part.need("text").text())


def _image(part: Node, turn: Said) -> None:
    if (detail := part.at("detail")) is not None:
        one_of(detail, ("auto", "low", "high", "original"))
    if part.at("file_id") is None:
        turn.attachments.append(image_at(part.need("image_url")))


def _file(part: Node, turn: Said) -> None:
    turn.attachments.append(file_in(part))


def _audio(part: Node, turn: Said) -> None:
    turn.attachments.append(recording_in(part.need("input_audio")))


_PARTS: Final[Mapping[str, Callable[[Node, Said], None]]] = {
    "input_text": _text,
    "input_image": _image,
    "input_file": _file,
    "input_audio": _audio,
}


def _flat(output: Node, turn: Said) -> str:
    """The text of a tool's output; a part that is no text is named in brackets, and attached."""
    if isinstance(output.value, str):
        return output.value
    if not isinstance(output.value, list):
        raise output.mistyped("a string or an array of objects")
    texts = []
    for part in output.each():
        kind = one_of(part.need("type"), ("input_text", "input_image", "input_file"))
        if kind == "input_text":
            texts.append(part.need("text").text())
        else:
            texts.append(f"[{kind}]")
            _PARTS[kind](part, turn)
    return "\n".join(texts)
