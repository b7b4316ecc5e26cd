"""A checker of Anthropic's stream grammar: bytes in, what they tell out, `AssertionError` where a rule is broken."""

from __future__ import annotations

from typing import Any, Final

import attrs
import orjson

FIELDS: Final = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
    "input_json_delta": "partial_json",
}
BLOCK_DELTAS: Final = {
    "text": {"text_delta"},
    "thinking": {"thinking_delta", "signature_delta"},
    "tool_use": {"input_json_delta"},
}


@attrs.define
class Block:
    """One content block, put together from its deltas. `fields` holds what its start said."""

    fields: dict[str, Any]
    deltas: list[tuple[str, str]] = attrs.field(factory=list)

    @property
    def kind(self) -> str:
        return str(self.fields["type"])

    @property
    def text(self) -> str:
        """All that the deltas said, bar the signature."""
        return "".join(text for kind, text in self.deltas if kind != "signature_delta")

    @property
    def signature(self) -> str:
        return "".join(text for kind, text in self.deltas if kind == "signature_delta")

    @property
    def arguments(self) -> Any:
        """The input of a tool call; an empty stream of arguments is an empty object."""
        return orjson.loads(self.text or "{}")


@attrs.define
class Told:
    """What a stream said."""

    message: dict[str, Any]
    blocks: list[Block] = attrs.field(factory=list)
    stop_reason: str | None = None
    usage: dict[str, Any] = attrs.field(factory=dict)
    error: dict[str, Any] | None = None
    """The error that ended the stream, if one did."""

    @property
    def text(self) -> str:
        return "".join(block.text for block in self.blocks if block.kind == "text")


def frames(raw: bytes) -> list[dict[str, Any]]:
    """The events of a stream. Each is `event:` and `data:` with one name, and the last one is whole."""
    assert raw.endswith(b"\n\n"), "the stream ends within an event"
    events = []
    for frame in raw[:-2].split(b"\n\n"):
        name, data = frame.split(b"\n")
        assert name.startswith(b"event: "), f"no event name in {frame!r}"
        assert data.startswith(b"data: "), f"no data in {frame!r}"
        event = orjson.loads(data[6:])
        assert event["type"] == name[7:].decode(), f"two names for one event: {frame!r}"
        events.append(event)
    return events


def check_stream(raw: bytes) -> Told:
    """What the stream told. It must be whole: ended by `message_stop` or, at any point, by an `error`."""
    first, *events = frames(raw)
    assert first["type"] == "message_start", f"the stream begins with {first['type']}"
    told = Told(first["message"])
    assert told.message["content"] == []
    assert told.message["stop_reason"] is None
    open_block: Block | None = None
    ended = False
    for event in events:
        kind = event["type"]
        assert not ended, f"{kind} after the end"
        if kind == "ping":
            continue
        if kind == "content_block_start":
            assert open_block is None, "two blocks at once"
            assert told.stop_reason is None, "a block after message_delta"
            assert event["index"] == len(told.blocks), "blocks out of order"
            open_block = Block(event["content_block"])
            told.blocks.append(open_block)
        elif kind == "content_block_delta":
            assert open_block is not None, "a delta outside of a block"
            _add_delta(open_block, event, len(told.blocks) - 1)
        elif kind == "content_block_stop":
            assert open_block is not None, "a block ends that has not begun"
            assert event["index"] == len(told.blocks) - 1
            _check_block(open_block)
            open_block = None
        elif kind == "message_delta":
            assert open_block is None, "message_delta within a block"
            told.stop_reason, told.usage = event["delta"]["stop_reason"], event["usage"]
        elif kind == "message_stop":
            assert open_block is None, "message_stop within a block"
            assert told.stop_reason is not None, "message_stop without message_delta"
            ended = True
        elif kind == "error":
            told.error, ended = event["error"], True
        else:
            raise AssertionError(f"no such event: {kind}")
    assert ended, "the stream has no end"
    return told


def _add_delta(block: Block, event: dict[str, Any], index: int) -> None:
    assert event["index"] == index, "a delta of another block"
    delta = event["delta"]
    kind = delta["type"]
    assert kind in BLOCK_DELTAS[block.kind], f"{kind} in a {block.kind} block"
    assert not block.signature, "a delta after the signature"
    block.deltas.append((kind, delta[FIELDS[kind]]))


def _check_block(block: Block) -> None:
    if block.kind == "tool_use":
        assert block.fields["input"] == {}, "arguments at the block's start"
        assert isinstance(block.arguments, dict)
    if block.kind == "thinking":
        assert block.signature, "thinking without a signature"
