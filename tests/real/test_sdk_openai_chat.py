"""The official OpenAI SDK against a daemon, by Chat Completions, whose upstream speaks each of the four formats."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from typing import Any, cast

import openai
import pytest
from openai.types.chat import (
    ChatCompletion,
    ChatCompletionFunctionToolParam,
    ChatCompletionMessage,
    ChatCompletionMessageFunctionToolCall,
    ChatCompletionMessageParam,
)
from openai.types.shared import ReasoningEffort

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
    figures,
)

READ: ChatCompletionFunctionToolParam = {
    "type": "function",
    "function": {
        "name": "Read",
        "parameters": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
    },
}
TURNS = 4

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def client(proxy: Proxy) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{proxy.url}/v1", api_key=CLIENT_KEY, max_retries=0, timeout=DEADLINE_SECONDS
    ) as client:
        yield client


def user(text: str) -> ChatCompletionMessageParam:
    return {"role": "user", "content": text}


def ask(
    client: openai.OpenAI,
    model: str,
    messages: str | Sequence[ChatCompletionMessageParam],
    *,
    streamed: bool = False,
    effort: ReasoningEffort | openai.Omit = openai.omit,
    tools: Sequence[ChatCompletionFunctionToolParam] | openai.Omit = openai.omit,
    limit: int | openai.Omit = openai.omit,
    stops: list[str] | openai.Omit = openai.omit,
) -> ChatCompletion:
    """A completion, by the plain call or by the stream's helper."""
    told = [user(messages)] if isinstance(messages, str) else messages
    if not streamed:
        return client.chat.completions.create(
            model=model, messages=told, reasoning_effort=effort, tools=tools, max_completion_tokens=limit, stop=stops
        )
    asked = client.chat.completions.stream(
        model=model,
        messages=told,
        reasoning_effort=effort,
        tools=tools,
        max_completion_tokens=limit,
        stop=stops,
        stream_options={"include_usage": True},
    )
    with asked as stream:
        return stream.get_final_completion()


def text_of(completion: ChatCompletion) -> str:
    return completion.choices[0].message.content or ""


def thinking_of(completion: ChatCompletion) -> str:
    """In the field that every server beside OpenAI's has."""
    return str((completion.choices[0].message.model_extra or {}).get("reasoning_content", ""))


def calls_of(completion: ChatCompletion) -> list[ChatCompletionMessageFunctionToolCall]:
    calls = completion.choices[0].message.tool_calls or []
    return [call for call in calls if isinstance(call, ChatCompletionMessageFunctionToolCall)]


def answer_of(message: ChatCompletionMessage) -> ChatCompletionMessageParam:
    """What the message says, as the history tells it: by the fields that the wire knows, as clients write it."""
    told: dict[str, Any] = {"role": "assistant", "content": message.content}
    calls = [call.model_dump(include={"id", "type", "function"}) for call in message.tool_calls or []]
    for call in calls:
        call["function"] = {name: call["function"][name] for name in ("name", "arguments")}
    return cast(ChatCompletionMessageParam, {**told, "tool_calls": calls} if calls else told)


def whole_answer_of(message: ChatCompletionMessage) -> ChatCompletionMessageParam:
    """The message with all that it came with."""
    return cast(ChatCompletionMessageParam, message.model_dump(exclude_none=True, exclude={"parsed"}))


def results_of(calls: Sequence[ChatCompletionMessageFunctionToolCall]) -> list[ChatCompletionMessageParam]:
    return [{"role": "tool", "tool_call_id": call.id, "content": f"found in {path_of(call)}"} for call in calls]


def path_of(call: ChatCompletionMessageFunctionToolCall) -> str:
    return str(json.loads(call.function.arguments)["path"])


def figures_of(completion: ChatCompletion) -> Figures:
    usage = completion.usage
    assert usage is not None
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    read, wrote = usage.prompt_tokens_details, usage.completion_tokens_details
    return Figures(
        usage.prompt_tokens,
        usage.completion_tokens,
        (read.cached_tokens if read else None) or 0,
        (read.cache_write_tokens if read else None) or 0,
        reasoning=(wrote.reasoning_tokens if wrote else None) or 0,
    )


# -- text ----------------------------------------------------------------------------------------------------------


def test_text_comes_as_it_was_said(model: str, streamed: bool, client: openai.OpenAI) -> None:
    assert text_of(ask(client, model, "[[say:ça va ☕ 你好]]", streamed=streamed)) == "ça va ☕ 你好"


def test_a_stream_comes_in_pieces(model: str, client: openai.OpenAI) -> None:
    asked = client.chat.completions.stream(model=model, messages=[user("[[say:ça va ☕ 你好]][[deltas:5]]")])
    with asked as stream:
        pieces = [event.delta for event in stream if event.type == "content.delta" and event.delta]
    assert len(pieces) == 5
    assert "".join(pieces) == "ça va ☕ 你好"


def test_the_model_has_the_clients_name(model: str, streamed: bool, client: openai.OpenAI) -> None:
    assert ask(client, model, "Hello!", streamed=streamed).model == model


def test_several_choices_come(model: str, client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(model=model, messages=[user("[[say:one]]")], n=2)
    assert [(choice.index, choice.message.content) for choice in completion.choices] == [(0, "one"), (1, "one")]


def test_an_old_completion_comes(model: str, client: openai.OpenAI) -> None:
    assert client.completions.create(model=model, prompt="[[say:one]]").choices[0].text == "one"


# -- tools ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["", "[[parallel]]"], ids=["serial", "parallel"])
def test_a_tool_loop_comes_to_its_end(order: str, model: str, streamed: bool, client: openai.OpenAI) -> None:
    messages = [user(READ_TWO + order)]
    paths: list[str] = []
    for _ in range(TURNS):
        completion = ask(client, model, messages, streamed=streamed, tools=[READ])
        calls = calls_of(completion)
        if not calls:
            break
        paths += [path_of(call) for call in calls]
        messages += [answer_of(completion.choices[0].message), *results_of(calls)]
    assert paths == list(PATHS)
    assert all(f"found in {path}" in text_of(completion) for path in PATHS)


def test_calls_keep_the_upstreams_ids(model: str, client: openai.OpenAI, proxy: Proxy) -> None:
    asked = user(READ_TWO + "[[parallel]]")
    completion = ask(client, model, [asked], tools=[READ])
    ids = call_ids(model, proxy.last)
    assert [call.id for call in calls_of(completion)] == ids
    history = [asked, answer_of(completion.choices[0].message), *results_of(calls_of(completion))]
    ask(client, model, history, tools=[READ])
    assert all(call_id.encode() in proxy.last.body for call_id in ids)


# -- images --------------------------------------------------------------------------------------------------------


def test_an_image_arrives_byte_for_byte(model: str, client: openai.OpenAI) -> None:
    url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    message: ChatCompletionMessageParam = {
        "role": "user",
        "content": [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "What is it?"}],
    }
    assert SEEN in text_of(ask(client, model, [message]))


# -- thinking ------------------------------------------------------------------------------------------------------


def test_thinking_can_be_read(model: str, streamed: bool, client: openai.OpenAI) -> None:
    assert thinking_of(ask(client, model, "Hello!", streamed=streamed, effort="low")).endswith(THOUGHT)


@pytest.mark.parametrize("answered", [answer_of, whole_answer_of], ids=["plain fields", "all fields"])
def test_thinking_goes_back_to_who_thought(
    answered: Any, model: str, streamed: bool, client: openai.OpenAI, proxy: Proxy
) -> None:
    """Whether the client can send it or not. The demo refuses a blob that is not its own, unchanged."""
    asked = user('[[tool:Read {"path": "a.txt"}]]')
    called = ask(client, model, [asked], streamed=streamed, effort="low", tools=[READ])
    history = [asked, answered(called.choices[0].message), *results_of(calls_of(called))]
    completion = ask(client, model, history, streamed=streamed, effort="low", tools=[READ])
    assert "found in a.txt" in text_of(completion)
    assert BLOBS.get(model, b"") in proxy.last.body


@pytest.mark.parametrize("answered", [answer_of, whole_answer_of], ids=["plain fields", "all fields"])
def test_a_second_question_is_taken_with_the_first_thinking(
    answered: Any, model: str, streamed: bool, client: openai.OpenAI
) -> None:
    first = ask(client, model, "Hello!", streamed=streamed, effort="low")
    history = [user("Hello!"), answered(first.choices[0].message), user("And?")]
    assert "And?" in text_of(ask(client, model, history, streamed=streamed, effort="low"))


@pytest.mark.parametrize(("first", "second"), PAIRS)
@pytest.mark.parametrize("answered", [answer_of, whole_answer_of], ids=["plain fields", "all fields"])
def test_a_conversation_may_change_its_model(
    answered: Any, first: str, second: str, streamed: bool, client: openai.OpenAI
) -> None:
    """In the midst of a tool's call, and back again."""
    history = [user(READ_TWO)]
    for model in (first, second, first):
        completion = ask(client, model, history, streamed=streamed, effort="low", tools=[READ])
        calls = calls_of(completion)
        history += [answered(completion.choices[0].message), *(results_of(calls) if calls else [user("And?")])]
    assert all(f"found in {path}" in text_of(completion) for path in PATHS)


# -- structured output ---------------------------------------------------------------------------------------------


def test_structured_output_fits_its_schema(model: str, client: openai.OpenAI) -> None:
    completion = client.chat.completions.parse(
        model=model, messages=[user("A city as JSON, please.")], response_format=City
    )
    assert completion.choices[0].message.parsed == City(name="demo", people=0, kind="capital", rivers=["demo"])


def test_structured_output_is_streamed(model: str, client: openai.OpenAI) -> None:
    asked = client.chat.completions.stream(
        model=model, messages=[user("A city as JSON, please.")], response_format=City
    )
    with asked as stream:
        parsed = stream.get_final_completion().choices[0].message.parsed
    assert parsed == City(name="demo", people=0, kind="capital", rivers=["demo"])


def test_json_without_a_schema_is_json(model: str, client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(
        model=model, messages=[user("A city as JSON, please.")], response_format={"type": "json_object"}
    )
    assert isinstance(json.loads(text_of(completion)), dict)


# -- finish reasons ------------------------------------------------------------------------------------------------


def test_an_answer_that_is_over(model: str, streamed: bool, client: openai.OpenAI) -> None:
    assert ask(client, model, "Hello!", streamed=streamed).choices[0].finish_reason == "stop"


def test_an_answer_that_is_too_long(model: str, client: openai.OpenAI) -> None:
    completion = ask(client, model, f"[[say:{'word ' * 100}]]", limit=20)
    assert completion.choices[0].finish_reason == "length"


def test_a_stream_that_is_too_long(model: str, client: openai.OpenAI) -> None:
    chunks = client.chat.completions.create(
        model=model, messages=[user(f"[[say:{'word ' * 100}]]")], max_completion_tokens=20, stream=True
    )
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == "length"


def test_an_answer_that_calls(model: str, streamed: bool, client: openai.OpenAI) -> None:
    completion = ask(client, model, READ_TWO, streamed=streamed, tools=[READ])
    assert completion.choices[0].finish_reason == "tool_calls"


def test_an_answer_ends_before_a_stop_sequence(model: str, streamed: bool, client: openai.OpenAI) -> None:
    completion = ask(client, model, "[[say:one END two]]", streamed=streamed, stops=["never", "END"])
    assert (text_of(completion), completion.choices[0].finish_reason) == ("one ", "stop")


# -- usage ---------------------------------------------------------------------------------------------------------


def test_usage_is_the_upstreams(model: str, streamed: bool, client: openai.OpenAI, proxy: Proxy) -> None:
    completion = ask(client, model, "Hello!", streamed=streamed, effort="low")
    assert figures_of(completion) == figures(model, proxy.last)


def test_usage_of_a_later_turn_tells_the_cache(model: str, streamed: bool, client: openai.OpenAI, proxy: Proxy) -> None:
    first = ask(client, model, "Hello! " * 100)
    history = [user("Hello! " * 100), answer_of(first.choices[0].message), user("And?")]
    completion = ask(client, model, history, streamed=streamed)
    assert figures_of(completion) == figures(model, proxy.last)
    assert figures_of(completion).cached > 0


def test_a_stream_tells_no_usage_that_nobody_asked_for(model: str, client: openai.OpenAI) -> None:
    chunks = client.chat.completions.create(model=model, messages=[user("Hello!")], stream=True)
    assert all(chunk.usage is None for chunk in chunks)


# -- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, openai.BadRequestError),
        (403, openai.PermissionDeniedError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
        (529, openai.InternalServerError),
    ],
)
def test_an_upstreams_error_has_its_class(
    status: int, kind: type[openai.APIStatusError], model: str, streamed: bool, client: openai.OpenAI
) -> None:
    with pytest.raises(kind, match=FAULT.format(status)) as refused:
        ask(client, model, f"[[fault:{status}]]", streamed=streamed)
    assert refused.value.status_code == (503 if status == 529 and model != "openai-chat" else status)


@pytest.mark.parametrize("fault", ["error", "cut"])
def test_a_stream_that_breaks_raises(fault: str, model: str, client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIError):
        ask(client, model, f"[[fault:{fault}]]", streamed=True)


def test_an_error_in_mid_stream_has_the_upstreams_words(model: str, client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIError, match=FAULT.format("error")):
        ask(client, model, "[[fault:error]]", streamed=True)


def test_a_wrong_key_is_an_authentication_error(proxy: Proxy) -> None:
    with (
        openai.OpenAI(base_url=f"{proxy.url}/v1", api_key="another", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        ask(client, "openai-chat", "Hello!")


def test_an_unknown_model_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="gpt-5") as refused:
        ask(client, "gpt-5", "Hello!")
    assert refused.value.code == "model_not_found"


# -- models --------------------------------------------------------------------------------------------------------


def test_models_are_listed(client: openai.OpenAI) -> None:
    assert sorted(listed.id for listed in client.models.list()) == sorted(UPSTREAMS)


def test_one_model_is_told(model: str, client: openai.OpenAI) -> None:
    assert client.models.retrieve(model).id == model
