from __future__ import annotations

import anthropic
import httpx2
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.demo.answer import answer
from cliproxy.demo.anthropic_reading import signature_of
from cliproxy.demo.faults import plain
from cliproxy.demo.replies import Chunk, DemoRequest, Json, Pause, Stamped
from cliproxy.demo.settings import MAX_BODY_BYTES, DemoSettings
from tests.demo.asking import KEY, TOOLS, asking, body_in, body_of, reply_to, told_by

THINKING: Json = {"type": "adaptive"}


def error_in(request: DemoRequest) -> tuple[int, str]:
    reply = answer(request, DemoSettings())
    error = body_in(reply)["error"]
    assert isinstance(error, dict)
    return reply.status, str(error["type"])


def get(path: str, query: str = "") -> DemoRequest:
    return DemoRequest("GET", path, query, KEY)


def conversation(*messages: Json, text: str = "", **fields: Json) -> DemoRequest:
    return asking(text, messages=list(messages), tools=TOOLS, **fields)


def called(name: str, key: str = "toolu_1") -> dict[str, Json]:
    return {"type": "tool_use", "id": key, "name": name, "input": {}}


def result(text: Json, key: str = "toolu_1") -> dict[str, Json]:
    return {"type": "tool_result", "tool_use_id": key, "content": text}


def user(*blocks: Json) -> dict[str, Json]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Json) -> dict[str, Json]:
    return {"role": "assistant", "content": list(blocks)}


def text_block(text: str) -> dict[str, Json]:
    return {"type": "text", "text": text}


# -- streams -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        '“ça va” ☕ 你好 \x00 \\ "quoted"\n',
        "[[deltas:1]]",
        "[[deltas:50]]",
        "[[delay:5]] slowly",
        "[[say:Bonjour ☕]]",
        '[[tool:Read {"path": "ä"}]]',
        "[[tool:Read]][[tool:Bash]][[parallel]]",
        "[[stall:1]]",
    ],
)
@pytest.mark.parametrize(
    "thinking", [{"type": "disabled"}, {"type": "adaptive"}, {"type": "enabled", "display": "omitted"}]
)
def test_every_stream_follows_the_grammar(text: str, thinking: Json) -> None:
    assert told_by(reply_to(text, tools=TOOLS, thinking=thinking)).error is None


def test_a_text_arrives_in_as_many_deltas_as_asked() -> None:
    (block,) = told_by(reply_to("[[deltas:30]]")).blocks
    assert len(block.deltas) == 30


def test_thinking_comes_first_and_is_signed() -> None:
    first, second = told_by(reply_to(thinking=THINKING)).blocks
    assert (first.kind, second.kind) == ("thinking", "text")
    assert first.text
    assert first.signature == signature_of(first.text)


def test_omitted_thinking_is_empty_but_signed() -> None:
    first = told_by(reply_to(thinking={"type": "adaptive", "display": "omitted"})).blocks[0]
    assert first.text == ""
    assert first.signature == signature_of("")


def test_a_tool_call_has_its_arguments_in_several_deltas() -> None:
    told = told_by(reply_to('[[tool:Read {"path": "a/b"}]]', tools=TOOLS))
    call = told.blocks[-1]
    assert told.stop_reason == "tool_use"
    assert (call.fields["name"], call.arguments) == ("Read", {"path": "a/b"})
    assert len(call.deltas) > 3


def test_parallel_calls_have_ids_of_their_own() -> None:
    told = told_by(reply_to("[[tool:Read]][[tool:Bash]][[parallel]]", tools=TOOLS))
    first, second = (block.fields["id"] for block in told.blocks if block.kind == "tool_use")
    assert first != second


def test_a_delay_stands_before_every_delta() -> None:
    steps = reply_to("[[deltas:4]][[delay:20]]").steps
    assert [step for step in steps if isinstance(step, Pause)] == [Pause(0.02)] * 4


def test_stamped_deltas_leave_a_place_for_the_time() -> None:
    stamped = [step for step in reply_to("x", DemoSettings(deltas=9, stamp=True)).steps if isinstance(step, Stamped)]
    assert len(stamped) == 9
    assert b'"text":"@12@ ' in stamped[0].at(12)


def test_a_reply_over_max_tokens_is_cut_and_says_so() -> None:
    told = told_by(reply_to("[[say:" + "word " * 100 + "]]", max_tokens=10))
    assert told.stop_reason == "max_tokens"
    assert told.usage["output_tokens"] == 10


def test_the_whole_reply_tells_what_the_stream_tells() -> None:
    text = '[[tool:Read {"a": 1}]]'
    told = told_by(reply_to(text, thinking=THINKING, tools=TOOLS))
    whole = body_in(reply_to(text, thinking=THINKING, tools=TOOLS, stream=False))
    content = whole["content"]
    assert isinstance(content, list)
    assert [block["type"] for block in content if isinstance(block, dict)] == [block.kind for block in told.blocks]
    assert whole["stop_reason"] == told.stop_reason


def test_a_whole_reply_takes_as_long_as_its_stream() -> None:
    reply = reply_to("[[deltas:7]][[delay:100]]", thinking=THINKING, stream=False)
    assert reply.wait_seconds == pytest.approx(1.1)  # 7 of text, 3 of thinking, 1 of its signature


def test_the_same_request_gets_the_same_reply() -> None:
    assert reply_to("again", thinking=THINKING) == reply_to("again", thinking=THINKING)


# -- conversations -------------------------------------------------------------------------------------------------

TWO = text_block("[[tool:Read]][[tool:Bash]]")


def test_a_tool_result_leads_to_the_next_call() -> None:
    request = conversation(user(TWO), assistant(called("Read")), user(result("one")))
    assert told_by(answer(request, DemoSettings())).blocks[-1].fields["name"] == "Bash"


def test_after_all_results_their_text_is_told() -> None:
    request = conversation(
        user(TWO),
        assistant(called("Read"), called("Bash", "toolu_2")),
        user(result("one"), result([text_block("two")], "toolu_2")),
    )
    told = told_by(answer(request, DemoSettings()))
    assert told.stop_reason == "end_turn"
    assert "one\ntwo" in told.text


def test_a_reminder_beside_a_tool_result_is_no_new_instruction() -> None:
    request = conversation(user(TWO), assistant(called("Read")), user(result("one"), text_block("<system-reminder>")))
    assert told_by(answer(request, DemoSettings())).blocks[-1].fields["name"] == "Bash"


def test_a_later_instruction_starts_a_new_script() -> None:
    request = conversation(
        user(TWO),
        assistant(called("Read")),
        user(result("one")),
        assistant(text_block("ok")),
        user(text_block("thanks")),
    )
    assert "“thanks”" in told_by(answer(request, DemoSettings())).text


def test_the_last_block_of_an_instruction_is_repeated() -> None:
    request = conversation(user(text_block("<system-reminder>"), text_block("my words [[deltas:2]]")))
    assert "“my words”" in told_by(answer(request, DemoSettings())).text


def test_a_system_message_within_the_conversation_is_taken() -> None:
    system: Json = {"role": "system", "content": "be brief"}
    assert "“hi”" in told_by(answer(conversation(user(text_block("hi")), system), DemoSettings())).text


def test_a_true_signature_is_taken_back() -> None:
    thought: Json = {"type": "thinking", "thinking": "hm", "signature": signature_of("hm")}
    request = conversation(user(text_block("a")), assistant(thought, text_block("b")), user(text_block("c")))
    assert answer(request, DemoSettings()).status == 200


@pytest.mark.parametrize("signature", ["", "EqFalse", None, signature_of("other")])
def test_a_wrong_signature_is_refused(signature: Json) -> None:
    thought: Json = {"type": "thinking", "thinking": "hm", "signature": signature}
    request = conversation(user(text_block("a")), assistant(thought, text_block("b")), user(text_block("c")))
    assert error_in(request) == (400, "invalid_request_error")


def test_a_result_of_no_call_is_refused() -> None:
    request = conversation(user(TWO), assistant(called("Read")), user(result("one", "toolu_renamed")))
    assert error_in(request) == (400, "invalid_request_error")


def test_a_call_without_result_is_refused() -> None:
    request = conversation(user(TWO), assistant(called("Read")), user(text_block("go on")))
    assert error_in(request) == (400, "invalid_request_error")


# -- counts, models, mistakes --------------------------------------------------------------------------------------


def test_the_count_is_the_usage_of_the_same_request() -> None:
    body = body_of("how long am I?", system="be brief", tools=TOOLS)
    usage = told_by(answer(DemoRequest("POST", "/v1/messages", "", KEY, orjson.dumps(body)), DemoSettings())).usage
    del body["max_tokens"], body["stream"]
    count = answer(
        DemoRequest("POST", "/v1/messages/count_tokens", "beta=true", KEY, orjson.dumps(body)), DemoSettings()
    )
    assert body_in(count) == {"input_tokens": usage["input_tokens"]}


def test_models_are_listed_in_anthropics_shape() -> None:
    page = body_in(answer(get("/v1/models", "limit=1000"), DemoSettings(models=("a", "b"))))
    assert (page["first_id"], page["last_id"], page["has_more"]) == ("a", "b", False)
    models = page["data"]
    assert isinstance(models, list)
    assert models[0] == {"type": "model", "id": "a", "display_name": "a", "created_at": "2026-01-01T00:00:00Z"}


def test_models_come_in_pages() -> None:
    settings = DemoSettings(models=("a", "b", "c"))
    page = body_in(answer(get("/v1/models", "limit=1&after_id=a"), settings))
    assert (page["first_id"], page["last_id"], page["has_more"]) == ("b", "b", True)


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=99999999", "limit=x", "after_id=nobody"])
def test_a_page_that_cannot_be_is_refused(query: str) -> None:
    assert error_in(get("/v1/models", query)) == (400, "invalid_request_error")


def test_one_model_is_told() -> None:
    assert body_in(answer(get("/v1/models/demo"), DemoSettings()))["id"] == "demo"


@pytest.mark.parametrize(
    "request_", [get("/v1/models/nobody"), get("/"), get("/v1/messages"), DemoRequest("HEAD", "/")]
)
def test_what_is_not_there_is_a_404(request_: DemoRequest) -> None:
    assert error_in(request_) == (404, "not_found_error")


def test_a_request_without_a_key_is_refused() -> None:
    assert error_in(DemoRequest("POST", "/v1/messages", "", {}, b"{}")) == (401, "authentication_error")


def test_a_bearer_token_is_a_key() -> None:
    request = DemoRequest("GET", "/v1/models", "", {"authorization": "Bearer x"})
    assert answer(request, DemoSettings()).status == 200


def test_a_key_is_in_no_repr() -> None:
    assert "sk-demo" not in repr(asking())


def test_a_request_over_the_limit_is_a_413() -> None:
    request = DemoRequest("POST", "/v1/messages", "", KEY, bytes(MAX_BODY_BYTES + 1))
    assert error_in(request) == (413, "request_too_large")


@pytest.mark.parametrize(
    "fields",
    [
        {"model": None},
        {"model": ""},
        {"max_tokens": 0},
        {"max_tokens": True},
        {"max_tokens": "9"},
        {"messages": []},
        {"messages": {}},
        {"messages": ["hi"]},
        {"messages": [{"role": "wizard", "content": "hi"}]},
        {"messages": [{"role": "user", "content": None}]},
        {"messages": [{"role": "user", "content": ["hi"]}]},
        {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
        {"tools": {}},
        {"tools": ["Read"]},
        {"tools": [{}]},
        {"thinking": "yes"},
    ],
)
def test_a_malformed_body_is_refused(fields: dict[str, Json]) -> None:
    assert error_in(asking(**fields)) == (400, "invalid_request_error")


NAMES = ("type", "text", "role", "content", "id", "name", "user", "assistant", "tool_use", "thinking", "tool_result")
LEAVES: st.SearchStrategy[Json] = st.sampled_from([None, True, 1, *NAMES])


def test_a_body_nested_too_deeply_is_refused() -> None:
    body = b'{"model":"demo","max_tokens":9,"messages":[{"role":"user","content":"a"}],"system":%b}'
    raw = body % (b"[" * 300 + b"]" * 300)
    assert error_in(DemoRequest("POST", "/v1/messages", "", KEY, raw)) == (400, "invalid_request_error")


JSON: st.SearchStrategy[Json] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES[:6]), inner, max_size=4),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("messages", "tools", "system", "thinking", "model"), JSON)))
def test_no_body_is_answered_with_anything_but_a_reply(fields: dict[str, Json]) -> None:
    assert answer(asking(**fields), DemoSettings()).status in (200, 400)


@given(st.binary(max_size=40))
def test_no_bytes_are_answered_with_anything_but_an_error(body: bytes) -> None:
    assert error_in(DemoRequest("POST", "/v1/messages", "", KEY, body)) == (400, "invalid_request_error")


# -- the official SDK ----------------------------------------------------------------------------------------------


def sdk() -> anthropic.Anthropic:
    def handle(request: httpx2.Request) -> httpx2.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        path, query = request.url.path, request.url.query.decode()
        reply = answer(DemoRequest(request.method, path, query, headers, request.content), DemoSettings())
        return httpx2.Response(reply.status, headers=list(reply.headers), content=plain(reply.steps))

    transport = httpx2.MockTransport(handle)
    return anthropic.Anthropic(api_key="k", base_url="http://demo", http_client=httpx2.Client(transport=transport))


def test_the_sdk_reads_the_stream() -> None:
    with (
        sdk() as client,
        client.messages.stream(
            model="demo",
            max_tokens=2048,
            thinking={"type": "enabled", "budget_tokens": 1024},
            tools=[{"name": "Read", "input_schema": {"type": "object"}}],
            messages=[{"role": "user", "content": '[[tool:Read {"path": "a"}]]'}],
        ) as stream,
    ):
        message = stream.get_final_message()
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use"]
    call = message.content[-1]
    assert call.type == "tool_use"
    assert call.input == {"path": "a"}


def test_the_sdk_reads_a_whole_reply() -> None:
    with sdk() as client:
        message = client.messages.create(
            model="demo", max_tokens=99, messages=[{"role": "user", "content": "[[say:hi]]"}]
        )
    assert message.content[0].type == "text"
    assert message.content[0].text == "hi"


def test_the_sdk_reads_counts_and_models() -> None:
    with sdk() as client:
        count = client.messages.count_tokens(model="demo", messages=[{"role": "user", "content": "hi"}])
        models = [model.id for model in client.models.list(limit=2)]
    assert count.input_tokens > 0
    assert models == list(DemoSettings().models)


def test_a_chunk_is_one_event() -> None:
    assert all(step.body.count(b"\n\n") == 1 for step in reply_to().steps if isinstance(step, Chunk))
