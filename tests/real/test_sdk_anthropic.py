"""The official Anthropic SDK against a daemon, whose upstream speaks each of the four formats."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator, Sequence

import anthropic
import pytest
from anthropic.types import (
    Message,
    MessageParam,
    TextBlock,
    ThinkingBlock,
    ThinkingConfigParam,
    ToolParam,
    ToolUseBlock,
)

from tests.support.sdks import (
    BLOBS,
    CLIENT_KEY,
    DEADLINE_SECONDS,
    FAULT,
    PAIRS,
    PATHS,
    PNG,
    READ_TWO,
    SEEN,
    THOUGHT,
    UPSTREAMS,
    City,
    Figures,
    Proxy,
    call_ids,
    count,
    figures,
)

READ: ToolParam = {
    "name": "Read",
    "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
}
THINKING: ThinkingConfigParam = {"type": "enabled", "budget_tokens": 2048, "display": "summarized"}
TURNS = 4
COUNT_HEADER = "x-cliproxy-token-count"

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def client(proxy: Proxy) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=proxy.url, api_key=CLIENT_KEY, max_retries=0, timeout=DEADLINE_SECONDS) as client:
        yield client


def user(text: str) -> MessageParam:
    return {"role": "user", "content": text}


def ask(
    client: anthropic.Anthropic,
    model: str,
    messages: str | Sequence[MessageParam],
    *,
    streamed: bool = False,
    max_tokens: int = 4096,
    thinking: ThinkingConfigParam | anthropic.Omit = anthropic.omit,
    tools: Sequence[ToolParam] | anthropic.Omit = anthropic.omit,
    stops: list[str] | anthropic.Omit = anthropic.omit,
) -> Message:
    """A message, by the plain call or by the stream's helper."""
    told = [user(messages)] if isinstance(messages, str) else messages
    if not streamed:
        return client.messages.create(
            model=model, max_tokens=max_tokens, messages=told, thinking=thinking, tools=tools, stop_sequences=stops
        )
    asked = client.messages.stream(
        model=model, max_tokens=max_tokens, messages=told, thinking=thinking, tools=tools, stop_sequences=stops
    )
    with asked as stream:
        return stream.get_final_message()


def text_of(message: Message) -> str:
    return "".join(block.text for block in message.content if isinstance(block, TextBlock))


def thinking_of(message: Message) -> str:
    return "".join(block.thinking for block in message.content if isinstance(block, ThinkingBlock))


def calls_of(message: Message) -> list[ToolUseBlock]:
    return [block for block in message.content if isinstance(block, ToolUseBlock)]


def answer_of(message: Message) -> MessageParam:
    """What the message says, as the history tells it."""
    return {"role": "assistant", "content": message.content}


def results_of(calls: Sequence[ToolUseBlock]) -> MessageParam:
    return {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": call.id, "content": f"found in {call.input['path']}"}
            for call in calls
        ],
    }


def figures_of(message: Message) -> Figures:
    usage = message.usage
    cached, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    thought = usage.output_tokens_details.thinking_tokens if usage.output_tokens_details else 0
    return Figures(usage.input_tokens + cached + written, usage.output_tokens, cached, written, thought)


# -- text ----------------------------------------------------------------------------------------------------------


def test_text_comes_as_it_was_said(model: str, streamed: bool, client: anthropic.Anthropic) -> None:
    message = ask(client, model, "[[say:ça va ☕ 你好]]", streamed=streamed)
    assert text_of(message) == "ça va ☕ 你好"


def test_a_stream_comes_in_pieces(model: str, client: anthropic.Anthropic) -> None:
    asked = client.messages.stream(model=model, max_tokens=4096, messages=[user("[[say:ça va ☕ 你好]][[deltas:5]]")])
    with asked as stream:
        pieces = list(stream.text_stream)
    assert len(pieces) == 5
    assert "".join(pieces) == "ça va ☕ 你好"


def test_the_model_has_the_clients_name(model: str, streamed: bool, client: anthropic.Anthropic) -> None:
    assert ask(client, model, "Hello!", streamed=streamed).model == model


# -- tools ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["", "[[parallel]]"], ids=["serial", "parallel"])
def test_a_tool_loop_comes_to_its_end(order: str, model: str, streamed: bool, client: anthropic.Anthropic) -> None:
    messages = [user(READ_TWO + order)]
    paths: list[object] = []
    for _ in range(TURNS):
        message = ask(client, model, messages, streamed=streamed, tools=[READ])
        calls = calls_of(message)
        if not calls:
            break
        paths += [call.input["path"] for call in calls]
        messages += [answer_of(message), results_of(calls)]
    assert paths == list(PATHS)
    assert all(f"found in {path}" in text_of(message) for path in PATHS)


def test_calls_keep_the_upstreams_ids(model: str, client: anthropic.Anthropic, proxy: Proxy) -> None:
    message = ask(client, model, READ_TWO + "[[parallel]]", tools=[READ])
    assert [call.id for call in calls_of(message)] == call_ids(model, proxy.last)
    ids = call_ids(model, proxy.last)
    ask(
        client,
        model,
        [user(READ_TWO + "[[parallel]]"), answer_of(message), results_of(calls_of(message))],
        tools=[READ],
    )
    assert all(call_id.encode() in proxy.last.body for call_id in ids)


# -- images --------------------------------------------------------------------------------------------------------


IMAGE: anthropic.types.ImageBlockParam = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": base64.b64encode(PNG).decode()},
}


def test_an_image_arrives_byte_for_byte(model: str, client: anthropic.Anthropic) -> None:
    message = ask(client, model, [{"role": "user", "content": [IMAGE, {"type": "text", "text": "What is it?"}]}])
    assert SEEN in text_of(message)


def test_an_image_that_a_tool_gave_arrives(model: str, client: anthropic.Anthropic) -> None:
    asked = user('[[tool:Read {"path": "a.png"}]]')
    called = ask(client, model, [asked], tools=[READ])
    result: MessageParam = {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": calls_of(called)[0].id, "content": [IMAGE]}],
    }
    assert SEEN in text_of(ask(client, model, [asked, answer_of(called), result], tools=[READ]))


# -- thinking ------------------------------------------------------------------------------------------------------


def test_thinking_can_be_read(model: str, streamed: bool, client: anthropic.Anthropic) -> None:
    assert thinking_of(ask(client, model, "Hello!", streamed=streamed, thinking=THINKING)).endswith(THOUGHT)


def test_thinking_is_signed(model: str, streamed: bool, client: anthropic.Anthropic) -> None:
    message = ask(client, model, "Hello!", streamed=streamed, thinking=THINKING)
    assert all(block.signature for block in message.content if isinstance(block, ThinkingBlock))


def test_thinking_goes_back_to_who_thought(
    model: str, streamed: bool, client: anthropic.Anthropic, proxy: Proxy
) -> None:
    """The demo refuses a blob that is not its own, unchanged."""
    asked = user('[[tool:Read {"path": "a.txt"}]]')
    called = ask(client, model, [asked], streamed=streamed, thinking=THINKING, tools=[READ])
    history = [asked, answer_of(called), results_of(calls_of(called))]
    assert ask(client, model, history, streamed=streamed, thinking=THINKING, tools=[READ]).stop_reason == "end_turn"
    assert BLOBS.get(model, b"") in proxy.last.body


def test_a_second_question_is_taken_with_the_first_thinking(
    model: str, streamed: bool, client: anthropic.Anthropic
) -> None:
    first = ask(client, model, "Hello!", streamed=streamed, thinking=THINKING)
    history = [user("Hello!"), answer_of(first), user("And?")]
    assert "And?" in text_of(ask(client, model, history, streamed=streamed, thinking=THINKING))


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_a_conversation_may_change_its_model(
    first: str, second: str, streamed: bool, client: anthropic.Anthropic
) -> None:
    """In the midst of a tool's call, and back again."""
    history = [user(READ_TWO)]
    for model in (first, second, first):
        message = ask(client, model, history, streamed=streamed, thinking=THINKING, tools=[READ])
        calls = calls_of(message)
        history += [answer_of(message), results_of(calls) if calls else user("And?")]
    assert all(f"found in {path}" in text_of(message) for path in PATHS)


# -- structured output ---------------------------------------------------------------------------------------------


def test_structured_output_fits_its_schema(model: str, client: anthropic.Anthropic) -> None:
    message = client.messages.parse(
        model=model, max_tokens=4096, messages=[user("A city as JSON, please.")], output_format=City
    )
    assert message.parsed_output == City(name="demo", people=0, kind="capital", rivers=["demo"])


def test_structured_output_is_streamed(model: str, client: anthropic.Anthropic) -> None:
    asked = client.messages.stream(
        model=model, max_tokens=4096, messages=[user("A city as JSON, please.")], output_format=City
    )
    with asked as stream:
        assert stream.get_final_message().parsed_output == City(name="demo", people=0, kind="capital", rivers=["demo"])


# -- stop reasons --------------------------------------------------------------------------------------------------


def test_an_answer_that_is_over(model: str, streamed: bool, client: anthropic.Anthropic) -> None:
    assert ask(client, model, "Hello!", streamed=streamed).stop_reason == "end_turn"


def test_an_answer_that_is_too_long(model: str, streamed: bool, client: anthropic.Anthropic) -> None:
    message = ask(client, model, f"[[say:{'word ' * 100}]]", streamed=streamed, max_tokens=20)
    assert message.stop_reason == "max_tokens"


def test_an_answer_that_calls(model: str, streamed: bool, client: anthropic.Anthropic) -> None:
    assert ask(client, model, READ_TWO, streamed=streamed, tools=[READ]).stop_reason == "tool_use"


def test_an_answer_ends_before_a_stop_sequence(model: str, streamed: bool, client: anthropic.Anthropic) -> None:
    message = ask(client, model, "[[say:one END two]]", streamed=streamed, stops=["never", "END"])
    assert text_of(message) == "one "


@pytest.mark.parametrize("model", ["anthropic", "openai-responses"])
def test_the_stop_sequence_is_named(model: str, streamed: bool, client: anthropic.Anthropic) -> None:
    """Chat and Gemini do not tell it from any other end."""
    message = ask(client, model, "[[say:one END two]]", streamed=streamed, stops=["never", "END"])
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "END")


# -- usage ---------------------------------------------------------------------------------------------------------


def test_usage_is_the_upstreams(model: str, streamed: bool, client: anthropic.Anthropic, proxy: Proxy) -> None:
    message = ask(client, model, "Hello!", streamed=streamed, thinking=THINKING)
    assert figures_of(message) == figures(model, proxy.last)


def test_usage_of_a_later_turn_tells_the_cache(
    model: str, streamed: bool, client: anthropic.Anthropic, proxy: Proxy
) -> None:
    first = ask(client, model, "Hello! " * 100)
    last: MessageParam = {
        "role": "user",
        "content": [{"type": "text", "text": "And?", "cache_control": {"type": "ephemeral"}}],
    }
    message = ask(client, model, [user("Hello! " * 100), answer_of(first), last], streamed=streamed)
    assert figures_of(message) == figures(model, proxy.last)
    assert figures_of(message).cached > 0


# -- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, anthropic.BadRequestError),
        (403, anthropic.PermissionDeniedError),
        (413, anthropic.RequestTooLargeError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
        (503, anthropic.ServiceUnavailableError),
        (504, anthropic.DeadlineExceededError),
        (529, anthropic.OverloadedError),
    ],
)
def test_an_upstreams_error_has_its_class(
    status: int, kind: type[anthropic.APIStatusError], model: str, streamed: bool, client: anthropic.Anthropic
) -> None:
    with pytest.raises(kind, match=FAULT.format(status)) as refused:
        ask(client, model, f"[[fault:{status}]]", streamed=streamed)
    assert refused.value.status_code == status


@pytest.mark.parametrize("fault", ["error", "cut"])
def test_a_stream_that_breaks_raises(fault: str, model: str, client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.APIStatusError):
        ask(client, model, f"[[fault:{fault}]]", streamed=True)


def test_an_error_in_mid_stream_has_the_upstreams_words(model: str, client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.APIStatusError, match=FAULT.format("error")):
        ask(client, model, "[[fault:error]]", streamed=True)


@pytest.mark.parametrize(
    ("fault", "upstream"),
    [("error", upstream) for upstream in UPSTREAMS if upstream != "anthropic"]
    + [("cut", upstream) for upstream in UPSTREAMS],
)
def test_an_error_in_mid_stream_names_the_request(fault: str, upstream: str, client: anthropic.Anthropic) -> None:
    """An error that the upstream tells in the client's own format passes, with the upstream's id."""
    with pytest.raises(anthropic.APIStatusError) as broken:
        ask(client, upstream, f"[[fault:{fault}]]", streamed=True)
    assert broken.value.response.headers["x-request-id"] in str(broken.value)


def test_a_wrong_key_is_an_authentication_error(proxy: Proxy) -> None:
    with (
        anthropic.Anthropic(base_url=proxy.url, api_key="another", max_retries=0) as client,
        pytest.raises(anthropic.AuthenticationError) as refused,
    ):
        ask(client, "anthropic", "Hello!")
    assert refused.value.response.headers["x-request-id"] in str(refused.value)


def test_a_bad_request_is_one(model: str, client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match="max_tokens"):
        ask(client, model, "Hello!", max_tokens=-1)


def test_an_unknown_model_is_not_found(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError, match="gpt-5"):
        ask(client, "gpt-5", "Hello!")


def test_a_body_over_the_limit_is_too_large(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.RequestTooLargeError):
        ask(client, "anthropic", "x" * 33 * 1024 * 1024)


# -- counts and models ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["anthropic", "openai-responses", "gemini"])
def test_a_count_is_the_upstreams(model: str, client: anthropic.Anthropic, proxy: Proxy) -> None:
    answer = client.messages.with_raw_response.count_tokens(
        model=model, messages=[user("x" * 400)], system="Be brief.", tools=[READ]
    )
    assert answer.parse().input_tokens == count(model, proxy.last)
    assert COUNT_HEADER not in answer.headers


def test_a_count_without_a_counter_is_an_estimate(client: anthropic.Anthropic) -> None:
    answer = client.messages.with_raw_response.count_tokens(model="openai-chat", messages=[user("word " * 100)])
    assert 90 < answer.parse().input_tokens < 200
    assert answer.headers[COUNT_HEADER] == "estimate"


def test_models_are_listed(client: anthropic.Anthropic) -> None:
    assert sorted(listed.id for listed in client.models.list()) == sorted(UPSTREAMS)


def test_one_model_is_told(model: str, client: anthropic.Anthropic) -> None:
    assert client.models.retrieve(model).id == model


# -- many at once --------------------------------------------------------------------------------------------------


def test_concurrent_streams_keep_apart(proxy: Proxy) -> None:
    async def say(client: anthropic.AsyncAnthropic, model: str, text: str) -> str:
        asked = client.messages.stream(model=model, max_tokens=4096, messages=[user(f"[[say:{text}]][[delay:5]]")])
        async with asked as stream:
            return "".join([piece async for piece in stream.text_stream])

    async def say_all(texts: Sequence[str]) -> list[str]:
        async with anthropic.AsyncAnthropic(base_url=proxy.url, api_key=CLIENT_KEY, max_retries=0) as client:
            asked = [say(client, UPSTREAMS[number % 4], text) for number, text in enumerate(texts)]
            return list(await asyncio.gather(*asked))

    texts = [f"this is the text number {number}" for number in range(20)]
    assert asyncio.run(say_all(texts)) == texts
