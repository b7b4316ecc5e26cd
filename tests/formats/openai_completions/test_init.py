from __future__ import annotations

import orjson
import pytest
from openai.types import Completion

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Text
from cliproxy.conversation.reply import Choice, Reply, unfold
from cliproxy.conversation.request import Request
from cliproxy.conversation.usage import Usage
from cliproxy.formats.codec import Framing, Target
from cliproxy.formats.openai_completions import CODEC, OPENAI_COMPLETIONS
from cliproxy.formats.wire import Mark

REQUEST = Request("openai-completions", "alias", ())
FRAMING = Framing(REQUEST, "alias", "abc", 17)
REPLY = Reply("x", "gpt", (Choice((Text("a"),)),), Usage(3))


def test_the_format_has_a_name_and_an_end_mark() -> None:
    assert (OPENAI_COMPLETIONS.name, OPENAI_COMPLETIONS.end_mark) == ("openai-completions", b"[DONE]")


@pytest.mark.parametrize(
    ("event", "mark"),
    [
        ({"choices": [{"text": ""}]}, Mark.OPENING),
        ({"choices": [{"text": "a"}]}, Mark.CONTENT),
        ({"choices": [{"text": "", "finish_reason": "stop"}]}, Mark.ENDING),
        ({"error": {"message": "Alas."}}, Mark.FAILED),
        ({"choices": [3]}, Mark.OPENING),
        ({}, Mark.OPENING),
    ],
)
def test_each_chunk_has_its_meaning(event: dict[str, object], mark: Mark) -> None:
    assert OPENAI_COMPLETIONS.mark(event) is mark


def test_a_chunk_tells_what_the_reply_took_as_chat_s_do() -> None:
    assert OPENAI_COMPLETIONS.usage_in({"choices": [], "usage": {"prompt_tokens": 7}}, Usage()) == Usage(7)


def test_no_upstream_speaks_it() -> None:
    with pytest.raises(LookupError):
        CODEC.encode_request(REQUEST, Target("m"), Losses())
    with pytest.raises(LookupError):
        CODEC.reply_decoder()
    with pytest.raises(LookupError):
        CODEC.decode_reply({})


def test_it_has_no_token_counter() -> None:
    assert (CODEC.decode_count({"input_tokens": 3}), CODEC.encode_count) == (None, None)


def test_the_sdk_reads_a_whole_reply() -> None:
    read = Completion.model_validate_json(CODEC.encode_reply(REPLY, FRAMING), strict=True)
    assert (read.choices[0].text, read.choices[0].finish_reason) == ("a", "stop")


def test_the_sdk_reads_every_chunk() -> None:
    encoder = CODEC.reply_encoder(FRAMING)
    told = b"".join(encoder.feed(event) for event in unfold(REPLY)).split(b"\n\n")[:-1]
    read = [Completion.construct(**orjson.loads(event[6:])) for event in told[:2]]
    assert [chunk.choices[0].text for chunk in read] == ["a", ""]
    assert told[-1] == b"data: [DONE]"
