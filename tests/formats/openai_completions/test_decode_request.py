from __future__ import annotations

import pytest

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Text
from cliproxy.conversation.request import Message, Request, Role, Sampling
from cliproxy.errors import BadRequest
from cliproxy.formats.openai_completions.decode_request import decode_request, echoed


def decoded(**fields: object) -> Request:
    return decode_request({"model": "m", "prompt": "Once", **fields}, Losses())


@pytest.mark.parametrize("prompt", ["Once", ["Once"]])
def test_a_prompt_is_what_a_user_says(prompt: object) -> None:
    request = decoded(prompt=prompt)
    assert (request.format, request.model) == ("openai-completions", "m")
    assert request.messages == (Message(Role.USER, (Text("Once"),)),)


@pytest.mark.parametrize("prompt", [["a", "b"], [1, 2], [[1, 2]], [], "", {}, 3])
def test_anything_else_is_refused(prompt: object) -> None:
    with pytest.raises(BadRequest, match=r"^prompt: A non-empty string, or a list of one, was expected\.$"):
        decoded(prompt=prompt)


def test_a_prompt_is_required() -> None:
    with pytest.raises(BadRequest, match=r"^prompt: Field required\.$"):
        decode_request({"model": "m"}, Losses())


def test_a_model_is_required() -> None:
    with pytest.raises(BadRequest, match=r"^model: Field required\.$"):
        decode_request({"prompt": "Once"}, Losses())


def test_the_fields_of_chat_are_read() -> None:
    request = decoded(max_tokens=9, n=2, stop="x", temperature=0.5, seed=3, user="me", stream=True)
    assert (request.max_tokens, request.choices, request.stop, request.user, request.stream) == (
        9,
        2,
        ("x",),
        "me",
        True,
    )
    assert request.sampling == Sampling(temperature=0.5, seed=3)


@pytest.mark.parametrize(
    ("number", "sampling"), [(0, Sampling(logprobs=True)), (3, Sampling(logprobs=True, top_logprobs=3))]
)
def test_log_probabilities_are_asked_for_by_number(number: int, sampling: Sampling) -> None:
    assert decoded(logprobs=number).sampling == sampling


def test_usage_in_a_stream_must_be_asked_for() -> None:
    assert not decoded(stream=True).usage_in_stream
    assert decoded(stream=True, stream_options={"include_usage": True}).usage_in_stream


def test_fields_without_a_place_are_carried() -> None:
    assert decoded(best_of=3, suffix="end", echo=None).extras == {"best_of": 3, "suffix": "end"}


def test_the_prompt_is_told_again_if_the_client_wants_that() -> None:
    assert echoed(decoded(echo=True)) == "Once"
    assert echoed(decoded(echo=False)) == echoed(decoded()) == ""
