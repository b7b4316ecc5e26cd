"""What every caller may ask: the models in its own shape, and how the daemon is."""

from __future__ import annotations

import orjson
import pytest
from anthropic.types import ModelInfo

from tests.support.http import Client

ANTHROPIC = "anthropic-version: 2023-06-01"


def test_the_root_says_what_this_is(client: Client) -> None:
    answer = client.ask("GET", "/")
    assert (answer.status, answer["content-type"]) == (200, "application/json")
    assert "POST /v1/messages" in orjson.loads(answer.body)["endpoints"]


@pytest.mark.parametrize("target", ["/", "/healthz", "/readyz", "/v1/models", "/v1/models/claude-opus-4-5"])
def test_head_tells_what_get_would(client: Client, target: str) -> None:
    """Claude Code asks `HEAD /` when it starts."""
    got, asked = client.ask("GET", target), client.ask("HEAD", target)
    assert (asked.status, asked.body) == (200, b"")
    assert asked["content-length"] == got["content-length"] == str(len(got.body))


def test_the_process_answers_even_if_it_is_not_ready(client: Client) -> None:
    client.house.reason = "No credential is configured."
    assert client.ask("GET", "/healthz").status == 200


def test_a_proxy_with_credentials_is_ready(client: Client) -> None:
    assert client.ask("GET", "/readyz").status == 200


def test_a_proxy_without_is_not(client: Client) -> None:
    client.house.reason = "No credential is configured."
    answer = client.ask("GET", "/readyz")
    assert (answer.status, answer.error["message"]) == (503, "No credential is configured.")


@pytest.mark.parametrize("line", [ANTHROPIC, "User-Agent: claude-cli/2.0.1"])
def test_an_anthropic_client_gets_anthropics_list(client: Client, line: str) -> None:
    listed = orjson.loads(client.ask("GET", "/v1/models", line).body)
    assert (listed["first_id"], listed["last_id"]) == ("claude-opus-4-5", "team/claude-opus-4-5")


def test_anybody_else_gets_openais_list(client: Client) -> None:
    assert orjson.loads(client.ask("GET", "/v1/models", "User-Agent: OpenAI/JS 6").body)["object"] == "list"


@pytest.mark.parametrize("name", ["claude-opus-4-5", "team/claude-opus-4-5", "team%2Fclaude-opus-4-5"])
def test_a_model_is_told_in_the_callers_shape(client: Client, name: str) -> None:
    target = f"/v1/models/{name}"
    plain = name.replace("%2F", "/")
    assert orjson.loads(client.ask("GET", target, ANTHROPIC).body)["type"] == "model"
    assert orjson.loads(client.ask("GET", target).body)["id"] == plain


def test_lists_vary_by_what_decides_their_shape(client: Client) -> None:
    for target in ("/v1/models", "/v1/models/claude-opus-4-5"):
        assert client.ask("GET", target).all("vary") == [
            "anthropic-version, user-agent, x-goog-api-key, x-goog-api-client"
        ]


def test_an_unknown_model_is_told_with_the_nearest(client: Client) -> None:
    answer = client.ask("GET", "/v1/models/claude-opus-9", ANTHROPIC)
    assert (answer.status, answer.error["type"]) == (404, "not_found_error")
    assert "claude-opus-9" in answer.error["message"]
    assert "claude-opus-4-5" in answer.error["message"]


@pytest.mark.parametrize("name", ["%00", "%0A", "%22%3Cscript%3E", "%F0%9F%92%A9", "a%20b", "..", "%2e%2e%2fx"])
def test_an_odd_name_is_an_unknown_model(client: Client, name: str) -> None:
    answer = client.ask("GET", f"/v1/models/{name}")
    assert answer.status == 404
    assert answer.error["message"]


def test_the_anthropic_sdk_understands_its_list(client: Client) -> None:
    page = orjson.loads(client.ask("GET", "/v1/models", ANTHROPIC).body)
    assert [ModelInfo.model_validate(row).id for row in page["data"]] == [
        "claude-opus-4-5",
        "team/claude-opus-4-5",
    ]
