from __future__ import annotations

from typing import get_args

import orjson
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from cliproxy.conversation.events import Event
from cliproxy.conversation.parts import Blob, Citation, Text, Thinking, ToolCall
from cliproxy.conversation.reply import Choice, Reply, unfold
from cliproxy.conversation.request import Request
from cliproxy.conversation.usage import Usage
from cliproxy.formats.codec import Field, Framing
from cliproxy.formats.openai_chat import CODEC, OPENAI_CHAT, error_body
from cliproxy.formats.wire import Complaint, Mark

FRAMING = Framing(Request("openai-chat", "alias", ()), "alias", "abc", 17)
PARTS = (Thinking("hm", Blob("b")), Text("a", citations=(Citation("u", "t", "", 0, 1),)), ToolCall("1", "f", "{}"))
REPLY = Reply("x", "gpt", (Choice(PARTS),), Usage(3, 1, 2, 0, 5, 4))


def test_the_format_has_a_name_and_an_end_mark() -> None:
    assert (OPENAI_CHAT.name, OPENAI_CHAT.end_mark) == ("openai-chat", b"[DONE]")


def test_the_door_reads_model_and_stream() -> None:
    peek = OPENAI_CHAT.peek(b'{"model":"m","stream":true}')
    assert (peek.model, peek.stream) == ("m", True)


def test_streams_are_followed() -> None:
    assert OPENAI_CHAT.mark({"choices": [{"delta": {"content": "a"}}]}) is Mark.CONTENT


def test_errors_are_told_in_its_words() -> None:
    body = error_body(Complaint(429, "Too much.", ""))
    assert OPENAI_CHAT.error_message(body) == "Too much."
    assert OPENAI_CHAT.trouble(orjson.loads(body)).status == 429


def test_nothing_is_the_answer_of_a_token_counter() -> None:
    assert (CODEC.decode_count({"input_tokens": 3}), CODEC.encode_count) == (None, None)


def test_every_field_has_its_support() -> None:
    assert CODEC.support.keys() == set(get_args(Field))


def test_the_sdk_reads_a_whole_reply() -> None:
    read = ChatCompletion.model_validate_json(CODEC.encode_reply(REPLY, FRAMING), strict=True)
    message = read.choices[0].message
    assert message.content == "a"
    assert message.tool_calls is not None
    assert message.tool_calls[0].id == "1"
    assert message.annotations is not None
    assert message.annotations[0].url_citation.url == "u"
    assert read.usage is not None
    assert read.usage.total_tokens == 15


def test_the_sdk_reads_every_chunk() -> None:
    encoder = CODEC.reply_encoder(FRAMING)
    told = b"".join(encoder.feed(event) for event in unfold(REPLY)).split(b"\n\n")[:-1]
    assert told[-1] == b"data: [DONE]"
    read = [ChatCompletionChunk.model_validate_json(event.removeprefix(b"data: "), strict=True) for event in told[:-1]]
    assert read[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in read[:-1]) == "a"
    assert read[-1].usage is not None


def test_a_decoder_is_new_each_time() -> None:
    events: list[Event] = list(CODEC.reply_decoder().feed({"id": "1", "choices": [{"delta": {"content": "a"}}]}))
    assert events == list(CODEC.reply_decoder().feed({"id": "1", "choices": [{"delta": {"content": "a"}}]}))
