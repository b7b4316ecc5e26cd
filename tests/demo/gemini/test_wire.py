from __future__ import annotations

from collections.abc import Iterator

import pytest
from google import genai
from google.genai import errors, types

from cliproxy.demo.replies import Json
from cliproxy.demo.settings import FAULT_STATUSES
from tests.demo.asking import BEARER, decoded, get, post, told_wrong
from tests.demo.gemini.generating import KEY, NEW, OLD, TOOLS, ask, text, user

GENERATE = f"/v1beta/models/{OLD}:generateContent"
BODY: dict[str, Json] = {"contents": [user(text("hello"))]}


@pytest.mark.parametrize(("headers", "query"), [(KEY, ""), (BEARER, ""), ({}, "key=k")])
def test_a_key_comes_in_three_ways(headers: dict[str, str], query: str) -> None:
    assert post(GENERATE, BODY, headers, query).status == 200


def test_a_request_without_a_key_is_refused() -> None:
    error = told_wrong(post(GENERATE, BODY, {}))
    assert (error["code"], error["status"]) == (403, "PERMISSION_DENIED")


@pytest.mark.parametrize("path", ["/v1beta/", f"/v1beta/models/{OLD}:embed", "/v1beta/models"])
def test_what_is_not_there_is_a_404(path: str) -> None:
    assert told_wrong(post(path, BODY, KEY))["status"] == "NOT_FOUND"


def test_the_older_version_serves_the_same() -> None:
    assert post(GENERATE.replace("v1beta", "v1"), BODY, KEY).status == 200


@pytest.mark.parametrize("status", FAULT_STATUSES)
def test_a_status_comes_with_an_error_body(status: int) -> None:
    reply = ask(f"[[fault:{status}]]")
    assert (reply.status, told_wrong(reply)["code"]) == (status, status)


def test_a_rate_limit_says_when_to_come_back() -> None:
    retry: Json = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s"}
    assert told_wrong(ask("[[fault:429]]"))["details"] == [retry]


@pytest.mark.parametrize("whole", [True, False])
def test_the_count_is_the_usage_of_the_same_request(whole: bool) -> None:
    fields: dict[str, Json] = {**BODY, "tools": TOOLS} if whole else BODY
    path = GENERATE.replace("generateContent", "countTokens")
    counted = decoded(post(path, {"generateContentRequest": fields} if whole else fields, KEY))
    assert counted["totalTokens"] == decoded(post(GENERATE, fields, KEY))["usageMetadata"]["promptTokenCount"]


def test_a_stream_has_its_type() -> None:
    path = GENERATE.replace("generateContent", "streamGenerateContent")
    assert dict(post(path, BODY, KEY, "alt=sse").headers)["content-type"] == "text/event-stream"
    assert dict(post(path, BODY, KEY).headers)["content-type"] == "application/json; charset=UTF-8"


# -- models --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1beta/models", "/v1/models"])
def test_models_are_listed_in_geminis_shape(path: str) -> None:
    models = decoded(get(path, KEY))["models"]
    assert models[0]["name"] == "models/demo-gemini"
    assert models[0]["supportedGenerationMethods"] == ["generateContent", "streamGenerateContent", "countTokens"]


def test_models_come_in_pages() -> None:
    page = decoded(get("/v1beta/models", KEY, "pageSize=1"))
    following = decoded(get("/v1beta/models", KEY, f"pageSize=100&pageToken={page['nextPageToken']}"))
    assert [model["name"] for model in page["models"]] == ["models/demo-gemini"]
    assert f"models/{OLD}" in [model["name"] for model in following["models"]]
    assert "nextPageToken" not in following


@pytest.mark.parametrize("query", ["pageSize=-1", "pageSize=x", "pageToken=x"])
def test_a_page_that_cannot_be_is_refused(query: str) -> None:
    assert get("/v1beta/models", KEY, query).status == 400


def test_one_model_is_told() -> None:
    assert decoded(get(f"/v1beta/models/{NEW}", KEY))["name"] == f"models/{NEW}"


def test_an_unknown_model_is_a_404() -> None:
    assert get("/v1beta/models/nobody", KEY).status == 404


# -- the official SDK ----------------------------------------------------------------------------------------------


@pytest.fixture
def client(demo_url: str) -> Iterator[genai.Client]:
    client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=demo_url, timeout=20_000))
    yield client
    client.close()


READ = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(name="Read", parameters_json_schema={"type": "object", "additionalProperties": False})
    ]
)


@pytest.mark.real
def test_the_sdk_reads_a_whole_reply(client: genai.Client) -> None:
    config = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(include_thoughts=True))
    response = client.models.generate_content(model=NEW, contents="[[say:ça va ☕]]", config=config)
    assert response.text == "ça va ☕"
    assert response.usage_metadata is not None
    assert response.usage_metadata.thoughts_token_count


@pytest.mark.real
def test_the_sdk_reads_the_stream(client: genai.Client) -> None:
    chunks = list(client.models.generate_content_stream(model=NEW, contents="[[say:ça va ☕]]"))
    assert "".join(chunk.text or "" for chunk in chunks) == "ça va ☕"


@pytest.mark.real
def test_the_sdk_goes_round_a_tool_loop(client: genai.Client) -> None:
    """The model wants its calls signed: what the SDK returns must be as it came."""
    config = types.GenerateContentConfig(tools=[READ])
    contents = [types.Content(role="user", parts=[types.Part(text='[[tool:Read {"path": "ä"}]][[tool:Read]]')])]
    seen = []
    while True:
        response = client.models.generate_content(model=NEW, contents=contents, config=config)
        if not response.function_calls:
            break
        assert response.candidates
        assert response.candidates[0].content
        contents.append(response.candidates[0].content)
        seen += [call.args for call in response.function_calls]
        answers = [
            types.Part.from_function_response(name="Read", response={"output": "found"})
            for _ in response.function_calls
        ]
        contents.append(types.Content(role="user", parts=answers))
    assert seen == [{"path": "ä"}, {}]
    assert "found\nfound" in str(response.text)


@pytest.mark.real
def test_the_sdk_parses_a_structured_answer(client: genai.Client) -> None:
    config = types.GenerateContentConfig(
        response_mime_type="application/json",
        response_json_schema={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    )
    response = client.models.generate_content(model=OLD, contents="where?", config=config)
    assert response.text == '{"city":"demo"}'


@pytest.mark.real
def test_the_sdk_counts_and_lists(client: genai.Client) -> None:
    assert client.models.count_tokens(model=OLD, contents="hello").total_tokens
    assert f"models/{OLD}" in [model.name for model in client.models.list()]
    assert client.models.get(model=OLD).name == f"models/{OLD}"


@pytest.mark.real
@pytest.mark.parametrize(("fault", "kind"), [("400", errors.ClientError), ("503", errors.ServerError)])
def test_the_sdk_knows_the_errors(fault: str, kind: type[errors.APIError], client: genai.Client) -> None:
    with pytest.raises(kind, match=f"the fault {fault}"):
        client.models.generate_content(model=OLD, contents=f"[[fault:{fault}]]")


@pytest.mark.real
def test_the_sdk_raises_an_error_in_a_stream(client: genai.Client) -> None:
    with pytest.raises(errors.APIError, match="the fault error"):
        list(client.models.generate_content_stream(model=OLD, contents="[[fault:error]]"))
