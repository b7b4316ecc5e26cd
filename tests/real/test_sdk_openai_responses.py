"""The official OpenAI SDK against a daemon, by Responses, whose upstream speaks each of the four formats."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from typing import Any

import openai
import pytest
from openai.types.responses import (
    FunctionToolParam,
    Response,
    ResponseFunctionToolCall,
    ResponseInputItemParam,
    ResponseReasoningItem,
)
from openai.types.shared_params import Reasoning

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
    City,
    Figures,
    Proxy,
    call_ids,
    count,
    figures,
)

READ: FunctionToolParam = {
    "type": "function",
    "name": "Read",
    "strict": False,
    "parameters": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
}
THINKING: Reasoning = {"effort": "low", "summary": "auto"}
TURNS = 4
COUNT_HEADER = "x-cliproxy-token-count"
OWN = "openai-responses"

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def client(proxy: Proxy) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{proxy.url}/v1", api_key=CLIENT_KEY, max_retries=0, timeout=DEADLINE_SECONDS
    ) as client:
        yield client


def user(text: str) -> ResponseInputItemParam:
    return {"role": "user", "content": text}


def ask(
    client: openai.OpenAI,
    model: str,
    items: str | Sequence[ResponseInputItemParam],
    *,
    streamed: bool = False,
    reasoning: Reasoning | openai.Omit = openai.omit,
    tools: Sequence[FunctionToolParam] | openai.Omit = openai.omit,
    limit: int | openai.Omit = openai.omit,
) -> Response:
    """A response that nobody stores, by the plain call or by the stream's helper."""
    told: Any = items if isinstance(items, str) else [*items]
    if not streamed:
        return client.responses.create(
            model=model,
            input=told,
            reasoning=reasoning,
            tools=tools,
            max_output_tokens=limit,
            store=False,
            include=["reasoning.encrypted_content"],
        )
    asked = client.responses.stream(
        model=model,
        input=told,
        reasoning=reasoning,
        tools=tools,
        max_output_tokens=limit,
        store=False,
        include=["reasoning.encrypted_content"],
    )
    with asked as stream:
        return stream.get_final_response()


def thinking_of(response: Response) -> str:
    items = [item for item in response.output if isinstance(item, ResponseReasoningItem)]
    return "".join(part.text for item in items for part in item.summary)


def calls_of(response: Response) -> list[ResponseFunctionToolCall]:
    return [item for item in response.output if isinstance(item, ResponseFunctionToolCall)]


def path_of(call: ResponseFunctionToolCall) -> str:
    return str(json.loads(call.arguments)["path"])


def answer_of(response: Response) -> list[ResponseInputItemParam]:
    """What the response says, as the history tells it: each item as it came."""
    fields: Any = [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in response.output]
    for item in fields:
        for part in item.get("content", ()):
            part.pop("parsed", None)
    items: list[ResponseInputItemParam] = fields
    return items


def results_of(calls: Sequence[ResponseFunctionToolCall]) -> list[ResponseInputItemParam]:
    return [
        {"type": "function_call_output", "call_id": call.call_id, "output": f"found in {path_of(call)}"}
        for call in calls
    ]


def figures_of(response: Response) -> Figures:
    usage = response.usage
    assert usage is not None
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    return Figures(
        usage.input_tokens,
        usage.output_tokens,
        usage.input_tokens_details.cached_tokens,
        usage.input_tokens_details.cache_write_tokens or 0,
        usage.output_tokens_details.reasoning_tokens,
    )


# -- text ----------------------------------------------------------------------------------------------------------


def test_text_comes_as_it_was_said(model: str, streamed: bool, client: openai.OpenAI) -> None:
    assert ask(client, model, "[[say:ça va ☕ 你好]]", streamed=streamed).output_text == "ça va ☕ 你好"


def test_a_stream_comes_in_pieces(model: str, client: openai.OpenAI) -> None:
    with client.responses.stream(model=model, input="[[say:ça va ☕ 你好]][[deltas:5]]") as stream:
        pieces = [event.delta for event in stream if event.type == "response.output_text.delta"]
    assert len(pieces) == 5
    assert "".join(pieces) == "ça va ☕ 你好"


def test_a_streams_events_are_numbered(model: str, client: openai.OpenAI) -> None:
    events = list(client.responses.create(model=model, input="Hello!", reasoning=THINKING, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")


def test_the_model_has_the_clients_name(model: str, streamed: bool, client: openai.OpenAI) -> None:
    assert ask(client, model, "Hello!", streamed=streamed).model == model


# -- tools ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["", "[[parallel]]"], ids=["serial", "parallel"])
def test_a_tool_loop_comes_to_its_end(order: str, model: str, streamed: bool, client: openai.OpenAI) -> None:
    items = [user(READ_TWO + order)]
    paths: list[str] = []
    for _ in range(TURNS):
        response = ask(client, model, items, streamed=streamed, tools=[READ])
        calls = calls_of(response)
        if not calls:
            break
        paths += [path_of(call) for call in calls]
        items += [*answer_of(response), *results_of(calls)]
    assert paths == list(PATHS)
    assert all(f"found in {path}" in response.output_text for path in PATHS)


def test_calls_keep_the_upstreams_ids(model: str, client: openai.OpenAI, proxy: Proxy) -> None:
    asked = user(READ_TWO + "[[parallel]]")
    response = ask(client, model, [asked], tools=[READ])
    ids = call_ids(model, proxy.last)
    assert [call.call_id for call in calls_of(response)] == ids
    ask(client, model, [asked, *answer_of(response), *results_of(calls_of(response))], tools=[READ])
    assert all(call_id.encode() in proxy.last.body for call_id in ids)


def test_a_free_form_tool_is_called(model: str, streamed: bool, client: openai.OpenAI) -> None:
    asked: Any = {
        "model": model,
        "input": '[[tool:patch {"input": "a\\nb"}]]',
        "tools": [{"type": "custom", "name": "patch"}],
    }
    if streamed:
        with client.responses.stream(**asked) as stream:
            response = stream.get_final_response()
    else:
        response = client.responses.create(**asked)
    assert [item.input for item in response.output if item.type == "custom_tool_call"] == ["a\nb"]


# -- images --------------------------------------------------------------------------------------------------------


IMAGE_URL = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


def test_an_image_arrives_byte_for_byte(model: str, client: openai.OpenAI) -> None:
    message: ResponseInputItemParam = {
        "role": "user",
        "content": [
            {"type": "input_image", "image_url": IMAGE_URL, "detail": "auto"},
            {"type": "input_text", "text": "What is it?"},
        ],
    }
    assert SEEN in ask(client, model, [message]).output_text


def test_an_image_that_a_tool_gave_arrives(model: str, client: openai.OpenAI) -> None:
    asked = user('[[tool:Read {"path": "a.png"}]]')
    called = ask(client, model, [asked], tools=[READ])
    result: ResponseInputItemParam = {
        "type": "function_call_output",
        "call_id": calls_of(called)[0].call_id,
        "output": [{"type": "input_image", "image_url": IMAGE_URL}],
    }
    assert SEEN in ask(client, model, [asked, *answer_of(called), result], tools=[READ]).output_text


# -- thinking ------------------------------------------------------------------------------------------------------


def test_thinking_can_be_read(model: str, streamed: bool, client: openai.OpenAI) -> None:
    assert thinking_of(ask(client, model, "Hello!", streamed=streamed, reasoning=THINKING)).endswith(THOUGHT)


def test_thinking_goes_back_to_who_thought(model: str, streamed: bool, client: openai.OpenAI, proxy: Proxy) -> None:
    """The demo refuses a blob that is not its own, unchanged."""
    asked = user('[[tool:Read {"path": "a.txt"}]]')
    called = ask(client, model, [asked], streamed=streamed, reasoning=THINKING, tools=[READ])
    history = [asked, *answer_of(called), *results_of(calls_of(called))]
    response = ask(client, model, history, streamed=streamed, reasoning=THINKING, tools=[READ])
    assert "found in a.txt" in response.output_text
    assert BLOBS.get(model, b"") in proxy.last.body


def test_a_second_question_is_taken_with_the_first_thinking(model: str, streamed: bool, client: openai.OpenAI) -> None:
    first = ask(client, model, "Hello!", streamed=streamed, reasoning=THINKING)
    history = [user("Hello!"), *answer_of(first), user("And?")]
    assert "And?" in ask(client, model, history, streamed=streamed, reasoning=THINKING).output_text


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_a_conversation_may_change_its_model(first: str, second: str, streamed: bool, client: openai.OpenAI) -> None:
    """In the midst of a tool's call, and back again."""
    history = [user(READ_TWO)]
    for model in (first, second, first):
        response = ask(client, model, history, streamed=streamed, reasoning=THINKING, tools=[READ])
        calls = calls_of(response)
        history += [*answer_of(response), *(results_of(calls) if calls else [user("And?")])]
    assert all(f"found in {path}" in response.output_text for path in PATHS)


# -- structured output ---------------------------------------------------------------------------------------------


def test_structured_output_fits_its_schema(model: str, client: openai.OpenAI) -> None:
    response = client.responses.parse(model=model, input="A city as JSON, please.", text_format=City)
    assert response.output_parsed == City(name="demo", people=0, kind="capital", rivers=["demo"])


def test_structured_output_is_streamed(model: str, client: openai.OpenAI) -> None:
    with client.responses.stream(model=model, input="A city as JSON, please.", text_format=City) as stream:
        parsed = stream.get_final_response().output_parsed
    assert parsed == City(name="demo", people=0, kind="capital", rivers=["demo"])


# -- how it ended --------------------------------------------------------------------------------------------------


def test_an_answer_that_is_over(model: str, streamed: bool, client: openai.OpenAI) -> None:
    assert ask(client, model, "Hello!", streamed=streamed).status == "completed"


def test_an_answer_that_is_too_long(model: str, client: openai.OpenAI) -> None:
    response = ask(client, model, f"[[say:{'word ' * 100}]]", limit=20)
    assert response.status == "incomplete"
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "max_output_tokens"


def test_a_stream_that_is_too_long(model: str, client: openai.OpenAI) -> None:
    events = client.responses.create(model=model, input=f"[[say:{'word ' * 100}]]", max_output_tokens=20, stream=True)
    assert [event.type for event in events][-1] == "response.incomplete"


def test_an_answer_that_calls(model: str, streamed: bool, client: openai.OpenAI) -> None:
    """The wire has no word for it but the item."""
    assert ask(client, model, READ_TWO, streamed=streamed, tools=[READ]).status == "completed"


# -- usage ---------------------------------------------------------------------------------------------------------


def test_usage_is_the_upstreams(model: str, streamed: bool, client: openai.OpenAI, proxy: Proxy) -> None:
    response = ask(client, model, "Hello!", streamed=streamed, reasoning=THINKING)
    assert figures_of(response) == figures(model, proxy.last)


def test_usage_of_a_later_turn_tells_the_cache(model: str, streamed: bool, client: openai.OpenAI, proxy: Proxy) -> None:
    first = ask(client, model, "Hello! " * 100)
    response = ask(client, model, [user("Hello! " * 100), *answer_of(first), user("And?")], streamed=streamed)
    assert figures_of(response) == figures(model, proxy.last)
    assert figures_of(response).cached > 0


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
    assert refused.value.status_code == (503 if status == 529 and model != OWN else status)


@pytest.mark.parametrize("fault", ["error", "cut"])
def test_a_stream_that_breaks_raises(fault: str, model: str, client: openai.OpenAI) -> None:
    """The helper's own words: it misses the end."""
    with pytest.raises(RuntimeError, match=r"Didn't receive a `response\.completed` event"):
        ask(client, model, f"[[fault:{fault}]]", streamed=True)


def test_an_error_in_mid_stream_has_the_upstreams_words(model: str, client: openai.OpenAI) -> None:
    """The SDK hands it over as an event. OpenAI's own, which passes as it comes, is of another kind."""
    *_, last = client.responses.create(model=model, input="[[fault:error]]", stream=True)
    error = last if last.type == "error" else last.response.error if last.type == "response.failed" else None
    assert error is not None
    assert error.message == FAULT.format("error")


# -- counts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["anthropic", "openai-responses", "gemini"])
def test_a_count_is_the_upstreams(model: str, client: openai.OpenAI, proxy: Proxy) -> None:
    answer = client.responses.input_tokens.with_raw_response.count(model=model, input="x" * 400, tools=[READ])
    assert answer.parse().input_tokens == count(model, proxy.last)
    assert COUNT_HEADER not in answer.headers


def test_a_count_without_a_counter_is_an_estimate(client: openai.OpenAI) -> None:
    answer = client.responses.input_tokens.with_raw_response.count(model="openai-chat", input="word " * 100)
    assert 90 < answer.parse().input_tokens < 200
    assert answer.headers[COUNT_HEADER] == "estimate"
