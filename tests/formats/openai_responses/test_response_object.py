from __future__ import annotations

import json

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json
from cliproxy.conversation.usage import Usage
from cliproxy.formats import jsontext
from cliproxy.formats.codec import Framing
from cliproxy.formats.openai_responses.decode_request import decode_request
from cliproxy.formats.openai_responses.response_object import ResponseObject

TOOL: dict[str, Json] = {
    "type": "function",
    "name": "f",
    "parameters": {"type": "object", "properties": {}},
    "strict": True,
}


def written(body: dict[str, Json], usage: Usage | None = None) -> dict[str, Json]:
    request = decode_request({"model": "m", "input": "hi", **body}, Losses())
    response = ResponseObject(Framing(request, "alias", "seed1", 1700000000)).write("completed", [], usage)
    answer: dict[str, Json] = json.loads(jsontext.dumps(response))
    return answer


def test_the_response_has_an_id_of_its_seed_and_the_clients_model() -> None:
    response = written({})
    assert (response["id"], response["model"], response["created_at"]) == ("resp_seed1", "alias", 1700000000)


def test_what_the_client_did_not_say_has_the_wires_defaults() -> None:
    response = written({})
    names = ["tool_choice", "tools", "parallel_tool_calls", "temperature", "top_p", "truncation", "text", "store"]
    assert [response[name] for name in names] == [
        "auto",
        [],
        True,
        1.0,
        1.0,
        "disabled",
        {"format": {"type": "text"}},
        False,
    ]


def test_what_the_client_asked_is_repeated() -> None:
    asked: dict[str, Json] = {
        "instructions": "be kind",
        "tools": [TOOL],
        "tool_choice": {"type": "function", "name": "f"},
        "parallel_tool_calls": False,
        "temperature": 0.5,
        "max_output_tokens": 100,
        "metadata": {"a": "b"},
        "text": {"format": {"type": "json_object"}, "verbosity": "low"},
        "reasoning": {"effort": "high", "summary": "auto"},
        "truncation": "auto",
        "service_tier": "flex",
    }
    response = written(asked)
    assert {name: response[name] for name in asked} == asked


def test_usage_is_told_with_its_parts() -> None:
    assert written({}, Usage(input=1, output=2))["usage"] == {
        "input_tokens": 1,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 3,
    }
