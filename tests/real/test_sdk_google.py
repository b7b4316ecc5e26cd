"""The official Google SDK against a daemon, whose upstream speaks each of the four formats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
import pytest
from google import genai
from google.genai import errors, types

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

READ = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="Read",
            parameters_json_schema={
                "type": "object",
                "properties": {"path": {"type": "string"}},
                "required": ["path"],
            },
        )
    ]
)
THINKING = types.ThinkingConfig(include_thoughts=True, thinking_budget=2048)
TURNS = 4
COUNT_HEADER = "x-cliproxy-token-count"

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def client(proxy: Proxy) -> Iterator[genai.Client]:
    options = types.HttpOptions(base_url=proxy.url, timeout=int(DEADLINE_SECONDS * 1000))
    client = genai.Client(api_key=CLIENT_KEY, http_options=options)
    yield client
    client.close()


class Answer:
    """A response, or the chunks of one."""

    def __init__(self, chunks: Sequence[types.GenerateContentResponse]) -> None:
        self.chunks = chunks

    @property
    def parts(self) -> list[types.Part]:
        """Of the first candidate."""
        found: list[types.Part] = []
        for chunk in self.chunks:
            for candidate in (chunk.candidates or [])[:1]:
                found += (candidate.content.parts if candidate.content else None) or []
        return found

    @property
    def content(self) -> types.Content:
        """What it says, as the history tells it: each part as it came."""
        return types.Content(role="model", parts=self.parts)

    @property
    def text(self) -> str:
        return "".join(part.text or "" for part in self.parts if not part.thought)

    @property
    def thinking(self) -> str:
        return "".join(part.text or "" for part in self.parts if part.thought)

    @property
    def calls(self) -> list[types.FunctionCall]:
        return [part.function_call for part in self.parts if part.function_call]

    @property
    def finish_reason(self) -> types.FinishReason | None:
        candidates = self.chunks[-1].candidates
        return candidates[0].finish_reason if candidates else None

    @property
    def figures(self) -> Figures:
        usage = self.chunks[-1].usage_metadata
        assert usage is not None
        thought, said, prompt = (
            usage.thoughts_token_count or 0,
            usage.candidates_token_count or 0,
            usage.prompt_token_count or 0,
        )
        assert usage.total_token_count == prompt + said + thought
        return Figures(prompt, said + thought, usage.cached_content_token_count or 0, reasoning=thought)


def user(text: str) -> types.Content:
    return types.UserContent(text)


def ask(
    client: genai.Client,
    model: str,
    contents: str | Sequence[types.Content],
    config: types.GenerateContentConfig | None = None,
    *,
    streamed: bool = False,
) -> Answer:
    told: types.ContentListUnion = contents if isinstance(contents, str) else [*contents]
    if streamed:
        return Answer(list(client.models.generate_content_stream(model=model, contents=told, config=config)))
    return Answer([client.models.generate_content(model=model, contents=told, config=config)])


def config(**more: object) -> types.GenerateContentConfig:
    """With the tool, which is not called by the SDK itself."""
    return types.GenerateContentConfig.model_validate(
        {"tools": [READ], "automatic_function_calling": {"disable": True}, **more}
    )


def results_of(calls: Sequence[types.FunctionCall]) -> types.Content:
    return types.Content(
        role="user",
        parts=[
            types.Part(
                function_response=types.FunctionResponse(
                    id=call.id, name=call.name, response={"output": f"found in {(call.args or {})['path']}"}
                )
            )
            for call in calls
        ],
    )


# -- text ----------------------------------------------------------------------------------------------------------


def test_text_comes_as_it_was_said(model: str, streamed: bool, client: genai.Client) -> None:
    assert ask(client, model, "[[say:ça va ☕ 你好]]", streamed=streamed).text == "ça va ☕ 你好"


def test_a_stream_comes_in_pieces(model: str, client: genai.Client) -> None:
    answer = ask(client, model, "[[say:ça va ☕ 你好]][[deltas:5]]", streamed=True)
    assert len([part for part in answer.parts if part.text]) == 5


def test_a_chat_remembers(model: str, client: genai.Client) -> None:
    chat = client.chats.create(model=model)
    chat.send_message("Hello!")
    assert "And?" in (chat.send_message("And?").text or "")


def test_the_model_has_the_clients_name(model: str, streamed: bool, client: genai.Client) -> None:
    assert ask(client, model, "Hello!", streamed=streamed).chunks[-1].model_version == model


@pytest.mark.parametrize("number", [2, 3])
def test_several_candidates_come(number: int, model: str, client: genai.Client) -> None:
    answer = ask(client, model, "[[say:one]]", types.GenerateContentConfig(candidate_count=number))
    candidates = answer.chunks[0].candidates or []
    assert [candidate.index or 0 for candidate in candidates] == list(range(number))


# -- tools ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["", "[[parallel]]"], ids=["serial", "parallel"])
def test_a_tool_loop_comes_to_its_end(order: str, model: str, streamed: bool, client: genai.Client) -> None:
    contents = [user(READ_TWO + order)]
    paths: list[object] = []
    for _ in range(TURNS):
        answer = ask(client, model, contents, config(), streamed=streamed)
        if not answer.calls:
            break
        paths += [(call.args or {})["path"] for call in answer.calls]
        contents += [answer.content, results_of(answer.calls)]
    assert paths == list(PATHS)
    assert all(f"found in {path}" in answer.text for path in PATHS)


def test_a_python_function_is_called(model: str, client: genai.Client) -> None:
    """The SDK runs the loop itself."""
    paths = []

    def read(path: str) -> str:
        """Read a file."""
        paths.append(path)
        return f"found in {path}"

    answer = ask(client, model, READ_TWO.replace("Read", "read"), types.GenerateContentConfig(tools=[read]))
    assert paths == list(PATHS)
    assert all(f"found in {path}" in answer.text for path in PATHS)


def test_calls_keep_the_upstreams_ids(model: str, client: genai.Client, proxy: Proxy) -> None:
    asked = user(READ_TWO + "[[parallel]]")
    answer = ask(client, model, [asked], config())
    ids = call_ids(model, proxy.last)
    assert [call.id for call in answer.calls] == ids
    ask(client, model, [asked, answer.content, results_of(answer.calls)], config())
    assert all(call_id.encode() in proxy.last.body for call_id in ids)


# -- images --------------------------------------------------------------------------------------------------------


def test_an_image_arrives_byte_for_byte(model: str, client: genai.Client) -> None:
    image = types.Part.from_bytes(data=PNG, mime_type="image/png")
    content = types.Content(role="user", parts=[image, types.Part(text="What is it?")])
    assert SEEN in ask(client, model, [content]).text


# -- thinking ------------------------------------------------------------------------------------------------------


def test_thinking_can_be_read(model: str, streamed: bool, client: genai.Client) -> None:
    answer = ask(client, model, "Hello!", types.GenerateContentConfig(thinking_config=THINKING), streamed=streamed)
    assert answer.thinking.endswith(THOUGHT)


def test_thinking_goes_back_to_who_thought(model: str, streamed: bool, client: genai.Client, proxy: Proxy) -> None:
    """The demo refuses a blob that is not its own, unchanged."""
    asked = user('[[tool:Read {"path": "a.txt"}]]')
    called = ask(client, model, [asked], config(thinking_config=THINKING), streamed=streamed)
    history = [asked, called.content, results_of(called.calls)]
    answer = ask(client, model, history, config(thinking_config=THINKING), streamed=streamed)
    assert "found in a.txt" in answer.text
    assert BLOBS.get(model, b"") in proxy.last.body


def test_thoughts_may_be_left_out_of_the_history(model: str, client: genai.Client, proxy: Proxy) -> None:
    """As most clients do: what was thought comes back to who thought it all the same."""
    asked = user('[[tool:Read {"path": "b.txt"}]]')
    called = ask(client, model, [asked], config(thinking_config=THINKING))
    parts = [part for part in called.parts if not part.thought]
    history = [asked, types.Content(role="model", parts=parts), results_of(called.calls)]
    assert "found in b.txt" in ask(client, model, history, config(thinking_config=THINKING)).text
    assert BLOBS.get(model, b"") in proxy.last.body


def test_a_second_question_is_taken_with_the_first_thinking(model: str, streamed: bool, client: genai.Client) -> None:
    thinks = types.GenerateContentConfig(thinking_config=THINKING)
    first = ask(client, model, "Hello!", thinks, streamed=streamed)
    assert "And?" in ask(client, model, [user("Hello!"), first.content, user("And?")], thinks, streamed=streamed).text


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_a_conversation_may_change_its_model(first: str, second: str, streamed: bool, client: genai.Client) -> None:
    """In the midst of a tool's call, and back again."""
    history = [user(READ_TWO)]
    for model in (first, second, first):
        answer = ask(client, model, history, config(thinking_config=THINKING), streamed=streamed)
        history += [answer.content, results_of(answer.calls) if answer.calls else user("And?")]
    assert all(f"found in {path}" in answer.text for path in PATHS)


# -- structured output ---------------------------------------------------------------------------------------------


def test_structured_output_fits_its_schema(model: str, client: genai.Client) -> None:
    shaped = types.GenerateContentConfig(response_mime_type="application/json", response_schema=City)
    answer = ask(client, model, "A city as JSON, please.", shaped)
    assert answer.chunks[0].parsed == City(name="demo", people=0, kind="capital", rivers=["demo"])


def test_structured_output_is_streamed(model: str, client: genai.Client) -> None:
    shaped = types.GenerateContentConfig(response_mime_type="application/json", response_schema=City)
    answer = ask(client, model, "A city as JSON, please.", shaped, streamed=True)
    assert City.model_validate_json(answer.text) == City(name="demo", people=0, kind="capital", rivers=["demo"])


def test_a_json_schema_is_kept_to(model: str, client: genai.Client) -> None:
    shaped = types.GenerateContentConfig(
        response_mime_type="application/json", response_json_schema=City.model_json_schema()
    )
    answer = ask(client, model, "A city as JSON, please.", shaped)
    assert City.model_validate_json(answer.text).kind == "capital"


# -- finish reasons ------------------------------------------------------------------------------------------------


def test_an_answer_that_is_over(model: str, streamed: bool, client: genai.Client) -> None:
    assert ask(client, model, "Hello!", streamed=streamed).finish_reason is types.FinishReason.STOP


def test_an_answer_that_is_too_long(model: str, streamed: bool, client: genai.Client) -> None:
    limit = types.GenerateContentConfig(max_output_tokens=20)
    answer = ask(client, model, f"[[say:{'word ' * 100}]]", limit, streamed=streamed)
    assert answer.finish_reason is types.FinishReason.MAX_TOKENS


def test_an_answer_that_calls(model: str, streamed: bool, client: genai.Client) -> None:
    """Gemini has no other word for it."""
    assert ask(client, model, READ_TWO, config(), streamed=streamed).finish_reason is types.FinishReason.STOP


def test_an_answer_ends_before_a_stop_sequence(model: str, streamed: bool, client: genai.Client) -> None:
    stops = types.GenerateContentConfig(stop_sequences=["never", "END"])
    answer = ask(client, model, "[[say:one END two]]", stops, streamed=streamed)
    assert answer.text == "one "
    assert answer.finish_reason is types.FinishReason.STOP


# -- usage ---------------------------------------------------------------------------------------------------------


def test_usage_is_the_upstreams(model: str, streamed: bool, client: genai.Client, proxy: Proxy) -> None:
    thinks = types.GenerateContentConfig(thinking_config=THINKING)
    assert ask(client, model, "Hello!", thinks, streamed=streamed).figures == attrs.evolve(
        figures(model, proxy.last), written=0
    )


def test_usage_of_a_later_turn_tells_the_cache(model: str, streamed: bool, client: genai.Client, proxy: Proxy) -> None:
    first = ask(client, model, "Hello! " * 100)
    answer = ask(client, model, [user("Hello! " * 100), first.content, user("And?")], streamed=streamed)
    assert answer.figures == attrs.evolve(figures(model, proxy.last), written=0)
    assert answer.figures.cached > 0


# -- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind", "status"),
    [
        (400, errors.ClientError, "INVALID_ARGUMENT"),
        (403, errors.ClientError, "PERMISSION_DENIED"),
        (429, errors.ClientError, "RESOURCE_EXHAUSTED"),
        (500, errors.ServerError, "INTERNAL"),
        (503, errors.ServerError, "UNAVAILABLE"),
        (504, errors.ServerError, "DEADLINE_EXCEEDED"),
        (529, errors.ServerError, "UNAVAILABLE"),
    ],
)
def test_an_upstreams_error_has_its_class(
    code: int, kind: type[errors.APIError], status: str, model: str, streamed: bool, client: genai.Client
) -> None:
    with pytest.raises(kind, match=FAULT.format(code)) as refused:
        ask(client, model, f"[[fault:{code}]]", streamed=streamed)
    told = 503 if code == 529 and model != "gemini" else code
    assert (refused.value.code, refused.value.status) == (told, status)


@pytest.mark.parametrize("fault", ["error", "cut"])
def test_a_stream_that_breaks_raises(fault: str, model: str, client: genai.Client) -> None:
    with pytest.raises(errors.APIError):
        ask(client, model, f"[[fault:{fault}]]", streamed=True)


def test_an_error_in_mid_stream_has_the_upstreams_words(model: str, client: genai.Client) -> None:
    with pytest.raises(errors.ServerError, match=FAULT.format("error")):
        ask(client, model, "[[fault:error]]", streamed=True)


def test_a_wrong_key_is_refused(proxy: Proxy) -> None:
    client = genai.Client(api_key="another", http_options=types.HttpOptions(base_url=proxy.url))
    with pytest.raises(errors.ClientError) as refused:
        ask(client, "gemini", "Hello!")
    client.close()
    assert refused.value.code in (400, 401, 403)


def test_an_unknown_model_is_not_found(client: genai.Client) -> None:
    with pytest.raises(errors.ClientError, match="gpt-5") as refused:
        ask(client, "gpt-5", "Hello!")
    assert (refused.value.code, refused.value.status) == (404, "NOT_FOUND")


# -- counts and models ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["anthropic", "openai-responses", "gemini"])
def test_a_count_is_the_upstreams(model: str, client: genai.Client, proxy: Proxy) -> None:
    counted = client.models.count_tokens(model=model, contents="x" * 400)
    assert counted.total_tokens == count(model, proxy.last)
    assert counted.sdk_http_response is not None
    assert COUNT_HEADER not in (counted.sdk_http_response.headers or {})


def test_a_count_without_a_counter_is_an_estimate(client: genai.Client) -> None:
    counted = client.models.count_tokens(model="openai-chat", contents="word " * 100)
    assert 90 < (counted.total_tokens or 0) < 200
    assert counted.sdk_http_response is not None
    assert (counted.sdk_http_response.headers or {})[COUNT_HEADER] == "estimate"


def test_models_are_listed(client: genai.Client) -> None:
    assert sorted(listed.name or "" for listed in client.models.list()) == sorted(
        f"models/{name}" for name in UPSTREAMS
    )


def test_one_model_is_told(model: str, client: genai.Client) -> None:
    assert client.models.get(model=model).name == f"models/{model}"
