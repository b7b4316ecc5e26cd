from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import openai
import pytest
from openai.types.responses import FunctionToolParam, ResponseInputItemParam, ResponseInputParam
from pydantic import BaseModel

from cliproxy.demo.replies import Json
from cliproxy.demo.settings import FAULT_STATUSES
from tests.demo.asking import decoded, get, post, told_wrong
from tests.demo.openai_responses.responding import RESPONSES, TOOLS, ask, said, user


def test_a_request_without_a_key_is_refused() -> None:
    assert post(RESPONSES, {}, {}).status == 401


@pytest.mark.parametrize("path", [RESPONSES, f"{RESPONSES}/resp_1", f"{RESPONSES}/input_tokens"])
def test_what_is_not_there_is_a_404(path: str) -> None:
    reply = get(path)
    assert (reply.status, told_wrong(reply)["type"]) == (404, "not_found_error")


@pytest.mark.parametrize("status", FAULT_STATUSES)
def test_a_status_comes_with_an_error_body(status: int) -> None:
    reply = ask(f"[[fault:{status}]]")
    assert reply.status == status
    assert told_wrong(reply).keys() == {"message", "type", "param", "code"}


def test_the_count_is_the_usage_of_the_same_request() -> None:
    fields: dict[str, Json] = {"model": "m", "input": [user("how long am I?")], "tools": TOOLS, "instructions": "brief"}
    counted = decoded(post(f"{RESPONSES}/input_tokens", fields))
    usage = decoded(post(RESPONSES, fields))["usage"]
    assert counted == {"object": "response.input_tokens", "input_tokens": usage["input_tokens"]}


def test_a_conversation_becomes_one_item_that_may_come_back() -> None:
    compacted = decoded(post(f"{RESPONSES}/compact", {"model": "m", "input": [user("a")]}))
    assert compacted["object"] == "response.compaction"
    (item,) = compacted["output"]
    assert "“b”" in said([item, user("b")])


def test_a_compaction_of_others_is_refused() -> None:
    item: Json = {"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAAAA"}
    assert ask([item, user("b")]).status == 400


# -- the official SDK ----------------------------------------------------------------------------------------------

READ: FunctionToolParam = {"type": "function", "name": "Read", "parameters": {"type": "object"}, "strict": False}


@pytest.fixture
def client(demo_url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{demo_url}/v1", api_key="k", max_retries=0, timeout=20) as client:
        yield client


@pytest.mark.real
def test_the_sdk_reads_a_whole_reply(client: openai.OpenAI) -> None:
    response = client.responses.create(model="demo-responses", input="[[say:ça va ☕]]")
    assert (response.output_text, response.status) == ("ça va ☕", "completed")


@pytest.mark.real
def test_the_sdk_reads_the_stream(client: openai.OpenAI) -> None:
    asked = client.responses.stream(
        model="demo-responses",
        input='[[tool:Read {"path": "a"}]]',
        tools=[READ],
        reasoning={"effort": "low", "summary": "auto"},
        include=["reasoning.encrypted_content"],
    )
    with asked as stream:
        response = stream.get_final_response()
    assert [item.type for item in response.output] == ["reasoning", "message", "function_call"]
    assert response.usage is not None
    assert response.usage.output_tokens_details.reasoning_tokens


@pytest.mark.real
def test_the_sdk_goes_round_a_tool_loop(client: openai.OpenAI) -> None:
    """Nothing is stored: reasoning goes back as it came, and the demo refuses it if it has changed."""
    items: ResponseInputParam = [{"role": "user", "content": '[[tool:Read {"path": "a"}]][[tool:Read {"path": "b"}]]'}]
    seen = []
    while True:
        response = client.responses.create(
            model="demo-responses",
            input=items,
            tools=[READ],
            store=False,
            reasoning={"effort": "low"},
            include=["reasoning.encrypted_content"],
        )
        items += [cast(ResponseInputItemParam, item.to_dict()) for item in response.output]  # what came may go back
        calls = [item for item in response.output if item.type == "function_call"]
        seen += [call.arguments for call in calls]
        if not calls:
            break
        for call in calls:
            items.append({"type": "function_call_output", "call_id": call.call_id, "output": "found"})
    assert seen == ['{"path":"a"}', '{"path":"b"}']
    assert "found\nfound" in response.output_text


class Answer(BaseModel):
    """What the SDK makes a schema of."""

    city: str
    degrees: int


@pytest.mark.real
def test_the_sdk_parses_a_structured_answer(client: openai.OpenAI) -> None:
    response = client.responses.parse(model="demo-responses", input="weather?", text_format=Answer)
    assert response.output_parsed == Answer(city="demo", degrees=0)


@pytest.mark.real
def test_the_sdk_counts_and_compacts(client: openai.OpenAI) -> None:
    assert client.responses.input_tokens.count(model="demo-responses", input="hello").input_tokens > 0
    compacted = client.responses.compact(model="demo-responses", input="hello")
    assert [item.type for item in compacted.output] == ["compaction"]


@pytest.mark.real
def test_the_sdk_reads_an_error_in_a_stream(client: openai.OpenAI) -> None:
    *_, last = client.responses.create(model="demo-responses", input="[[fault:error]]", stream=True)
    assert last.type == "error"
    assert (last.code, last.message) == ("server_is_overloaded", "The demo upstream was asked for the fault error.")
