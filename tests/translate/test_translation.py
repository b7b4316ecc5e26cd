"""One request made ready for an upstream: edited in place for its own format, translated for any other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import attrs
import orjson
import pytest

from cliproxy.config.schema import Payload, PayloadMatch, PayloadRule
from cliproxy.conversation.parts import Text
from cliproxy.conversation.reply import Choice, Fold, Reply
from cliproxy.conversation.request import Reasoning
from cliproxy.conversation.usage import Usage
from cliproxy.errors import BadRequest
from cliproxy.formats import FORMATS
from cliproxy.formats.codec import Dialect
from cliproxy.formats.wire import Operation
from cliproxy.translate.envelopes import MARK
from cliproxy.translate.readers import PassedBody, PassedStream, ReplyHead
from cliproxy.translate.renaming import RenamedBody
from cliproxy.translate.rework import ReworkedReply
from cliproxy.translate.translated import RewordedBody, TranslatedReply
from cliproxy.translate.translation import MAX_TIMES, Asked, Prepared, Rules, Translation
from cliproxy.upstream.providers import PROVIDERS
from tests.support.crossing import body_of, events_of
from tests.support.translating import GRAMMARS, MODEL, PAIRS, WIRES, asking, rules, upstream_of

HIGH: Final = Reasoning("on", "high")
JSON: Final = ReplyHead(200, b"application/json", b"")
STREAM: Final = ReplyHead(200, b"text/event-stream", b"")
OVERRIDE: Final = Payload(overrides=(PayloadRule((PayloadMatch("*"),), {"temperature": 0.25}),))
COUNTING: Final = ("anthropic", "openai-responses", "gemini")
every_wire = pytest.mark.parametrize("wire", WIRES)


def translation(
    wire: str,
    body: bytes | Mapping[str, Any] | None = None,
    *,
    under: Rules | None = None,
    model: str = MODEL,
    operation: Operation = Operation.GENERATE,
    reasoning: Reasoning | None = None,
    stream: bool = False,
    array: bool = False,
) -> Translation:
    """Of a plain request, or of this one."""
    raw = body_of(wire, stream=stream) if body is None else body
    asked = Asked(
        request_id="req_1",
        wire=FORMATS[wire],
        operation=operation,
        model=model,
        stream=stream,
        body=raw if isinstance(raw, bytes) else orjson.dumps(raw),
        reasoning=reasoning,
        created=1,
        array=array,
    )
    return Translation(asked, under or rules())


def prepared(found: Translation, wire: str, **more: Any) -> Prepared:
    """For an upstream of that wire."""
    return found.prepare(attrs.evolve(upstream_of(wire), **more))


def sent(found: Prepared) -> dict[str, Any]:
    """The body."""
    body = json.loads(found.body)
    assert isinstance(body, dict)
    return body


def lost(found: Prepared) -> set[str]:
    """What is left out."""
    return {loss.field for loss in found.losses if not loss.emulated}


# -- the client's own format


@every_wire
def test_a_body_in_the_same_format_is_the_same_object(wire: str) -> None:
    raw = body_of(wire).replace(b",", b" ,\t")
    assert prepared(translation(wire, raw), wire).body is raw


@every_wire
def test_nothing_is_decoded_for_the_same_format(wire: str) -> None:
    raw = b'{"model":"%b","messages":7,"contents":7,"input":7,"max_tokens":1.0e2}' % MODEL.encode()
    found = prepared(translation(wire, raw), wire)
    assert (found.body, found.request, found.losses, found.renames) == (raw, None, (), None)


@pytest.mark.parametrize("wire", ["anthropic", "openai-chat", "openai-responses"])
def test_of_an_alias_only_the_name_is_another(wire: str) -> None:
    raw = body_of(wire).replace(b",", b" ,\t")
    assert prepared(translation(wire, raw), wire, model="theirs").body == raw.replace(MODEL.encode(), b"theirs")


def test_gemini_names_its_model_in_the_url_alone() -> None:
    raw = b'{"model":"models/odd","contents":[]}'
    assert prepared(translation("gemini", raw), "gemini", model="theirs").body == raw


@every_wire
def test_a_reply_to_an_alias_is_renamed(wire: str) -> None:
    assert prepared(translation(wire), wire, model="theirs").renames == MODEL


@every_wire
def test_a_count_for_an_alias_names_no_model(wire: str) -> None:
    found = translation(wire, operation=Operation.COUNT_TOKENS)
    assert prepared(found, wire, model="theirs").renames is None


@every_wire
def test_a_suffix_is_written_into_a_body_of_the_same_format(wire: str) -> None:
    found = prepared(translation(wire, reasoning=HIGH), wire)
    assert b"high" in found.body.lower()
    assert {name: value for name, value in sent(found).items() if name in sent(prepared(translation(wire), wire))}


@every_wire
def test_a_suffix_changes_nothing_of_a_count(wire: str) -> None:
    found = translation(wire, reasoning=HIGH, operation=Operation.COUNT_TOKENS)
    assert prepared(found, wire).body == body_of(wire)


@every_wire
def test_configured_rules_come_last_in_the_same_format(wire: str) -> None:
    found = translation(wire, under=attrs.evolve(rules(), payload=OVERRIDE))
    assert sent(prepared(found, wire))["temperature"] == 0.25


@every_wire
@pytest.mark.parametrize("upstream", COUNTING)
def test_configured_rules_are_not_for_counts(wire: str, upstream: str) -> None:
    """A counter refuses a field that it does not know."""
    under = attrs.evolve(rules(), payload=OVERRIDE)
    found = translation(wire, under=under, operation=Operation.COUNT_TOKENS)
    assert b"0.25" not in prepared(found, upstream).body


@every_wire
def test_a_mark_that_no_vendor_knows_is_taken_out(wire: str) -> None:
    sealed = f"{MARK}nonsense"
    histories: dict[str, dict[str, Any]] = {
        "anthropic": {"content": [{"type": "thinking", "thinking": "hm", "signature": sealed}]},
        "openai-chat": {"content": "x", "reasoning_details": [{"type": "reasoning.encrypted", "data": sealed}]},
    }
    body = json.loads(body_of(wire))
    if wire in histories:
        body["messages"] += [{"role": "assistant", **histories[wire]}, {"role": "user", "content": "And?"}]
    elif wire == "gemini":
        body["contents"].append({"role": "model", "parts": [{"text": "x", "thoughtSignature": sealed}]})
    else:
        body["input"] = [{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": sealed}]
    assert MARK.encode() not in prepared(translation(wire, body), wire).body


# -- another format


@pytest.mark.parametrize("pair", PAIRS)
def test_a_plain_request_loses_nothing(pair: tuple[str, str]) -> None:
    upstream, client = pair
    found = prepared(translation(client), upstream)
    assert lost(found) == set()
    assert found.request is not None


@pytest.mark.parametrize("pair", PAIRS)
def test_a_translation_is_the_same_every_time(pair: tuple[str, str]) -> None:
    """Caches hang on the bytes."""
    upstream, client = pair
    first, second = translation(client), translation(client)
    assert prepared(first, upstream).body == prepared(first, upstream).body == prepared(second, upstream).body


def test_one_request_is_prepared_for_upstreams_of_every_format() -> None:
    found = translation("anthropic")
    bodies = {wire: sent(prepared(found, wire)) for wire in WIRES}
    assert {wire for wire, body in bodies.items() if "messages" in body} == {"anthropic", "openai-chat"}
    assert ("input" in bodies["openai-responses"], "contents" in bodies["gemini"]) == (True, True)


@every_wire
@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"7", b"\xff", b'{"model":7}', b'{"contents":7,"model":"m","input":7}']
)
def test_what_cannot_be_understood_is_refused(wire: str, body: bytes) -> None:
    other = next(upstream for upstream, client in PAIRS if client == wire)
    with pytest.raises(BadRequest):
        prepared(translation(wire, body), other)


@pytest.mark.parametrize("depth", [500, 5000, 100_000])
@every_wire
def test_a_body_of_any_depth_is_translated_or_refused(wire: str, depth: int) -> None:
    deep = b'{"a":' * depth + b"1" + b"}" * depth
    schema = b'{"type":"object","properties":%b}' % deep
    tools = {
        "anthropic": b'"tools":[{"name":"a","input_schema":%b}]',
        "openai-chat": b'"tools":[{"type":"function","function":{"name":"a","parameters":%b}}]',
        "openai-responses": b'"tools":[{"type":"function","name":"a","parameters":%b}]',
        "gemini": b'"tools":[{"functionDeclarations":[{"name":"a","parametersJsonSchema":%b}]}]',
    }
    body = b"{%b,%b" % (tools[wire] % schema, body_of(wire, tools=()).replace(b'"tools":[],', b"")[1:])
    for upstream in (upstream for upstream, client in PAIRS if client == wire):
        try:
            json.loads(prepared(translation(wire, body), upstream).body)
        except (BadRequest, RecursionError):
            continue


def test_what_is_lost_is_named() -> None:
    body = {**json.loads(body_of("openai-chat")), "seed": 7, "logit_bias": {"5": 1}}
    assert {"seed", "logit_bias"} <= lost(prepared(translation("openai-chat", body), "anthropic"))


def test_what_was_lost_in_reading_is_named_for_every_upstream() -> None:
    body = json.loads(body_of("openai-chat"))
    body["messages"].append({"role": "user", "content": [{"type": "odd", "odd": 1}]})
    found = translation("openai-chat", body)
    assert prepared(found, "anthropic").losses
    assert prepared(found, "gemini").losses


def test_strict_refuses_with_the_fields_and_why() -> None:
    body = {**json.loads(body_of("openai-chat")), "seed": 7}
    found = translation("openai-chat", body, under=attrs.evolve(rules(), strict=True))
    with pytest.raises(BadRequest, match=r"translation\.strict: .*seed: "):
        prepared(found, "anthropic")


def test_strict_has_no_eye_on_the_clients_own_format() -> None:
    body = {**json.loads(body_of("openai-chat")), "seed": 7, "odd": 1}
    found = translation("openai-chat", body, under=attrs.evolve(rules(), strict=True))
    assert prepared(found, "openai-chat").losses == ()


@pytest.mark.parametrize("pair", PAIRS)
def test_a_suffix_beats_what_the_body_asks(pair: tuple[str, str]) -> None:
    upstream, client = pair
    low: dict[str, dict[str, Any]] = {
        "anthropic": {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
        "openai-chat": {"reasoning_effort": "low"},
        "openai-responses": {"reasoning": {"effort": "low"}},
        "gemini": {"generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW"}}},
    }
    body = json.loads(body_of(client)) | low[client]
    told = prepared(translation(client, body, reasoning=HIGH), upstream).body.lower()
    assert b'"high"' in told
    assert b'"low"' not in told


@pytest.mark.parametrize("pair", PAIRS)
def test_configured_rules_come_last_in_another_format(pair: tuple[str, str]) -> None:
    upstream, client = pair
    found = translation(client, under=attrs.evolve(rules(), payload=OVERRIDE))
    assert sent(prepared(found, upstream))["temperature"] == 0.25


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if set(pair) <= set(COUNTING)])
def test_a_count_asks_nothing_that_a_counter_refuses(pair: tuple[str, str]) -> None:
    upstream, client = pair
    known = {
        "anthropic": {"model", "messages", "system", "tools", "tool_choice", "thinking", "output_config"},
        "openai-responses": {"model", "input", "instructions", "tools", "tool_choice", "reasoning", "text"},
        "gemini": {"generateContentRequest"},
    }
    found = prepared(translation(client, operation=Operation.COUNT_TOKENS), upstream)
    assert sent(found).keys() <= known[upstream] | {"parallel_tool_calls", "cache_control"}


# -- several answers


@pytest.mark.parametrize(
    ("upstream", "times"), [("anthropic", 3), ("openai-responses", 3), ("gemini", 1), ("openai-chat", 1)]
)
def test_one_answer_at_a_time_is_asked_of_who_gives_no_more(upstream: str, times: int) -> None:
    body = {**json.loads(body_of("openai-chat")), "n": 3}
    assert prepared(translation("openai-chat", body), upstream).times == times


def test_more_answers_than_are_reasonable_are_refused() -> None:
    body = {**json.loads(body_of("openai-chat")), "n": MAX_TIMES + 1}
    with pytest.raises(BadRequest, match="at most"):
        prepared(translation("openai-chat", body), "anthropic")


@pytest.mark.parametrize("stream", [True, False])
def test_several_answers_are_told_as_the_choices_of_one_reply(stream: bool) -> None:
    found = translation("openai-chat", stream=stream)
    ready = prepared(found, "anthropic")
    replies = [Reply(text, "m", (Choice((Text(text),)),), Usage(input=5, output=2)) for text in ("One", "Two")]
    told = found.merged(ready, replies)
    said = (GRAMMARS["openai-chat"].check if stream else GRAMMARS["openai-chat"].read)(told)
    assert [answer.joined("text") for answer in said.answers] == ["One", "Two"]
    assert said.tokens is not None
    assert (said.tokens.prompt, said.tokens.completion) == (10, 4)


def test_an_answer_that_is_kept_is_told_nobody() -> None:
    found, kept = translation("openai-chat"), Fold()
    upstream = upstream_of("anthropic")
    reader = found.keeper(upstream, found.prepare(upstream), STREAM, kept)
    told = b"".join(reader.feed(event) for event in events_of("anthropic")) + reader.finish()
    assert (told, reader.complete) == (b"", True)
    assert kept.reply().choices[0].parts == (Text("Hello"),)


def test_each_reply_has_stages_of_its_own() -> None:
    body = {**json.loads(body_of("anthropic")), "stop_sequences": ["END"]}
    found = translation("anthropic", body)
    first, second = (prepared(found, "openai-responses").stages for _ in range(2))
    assert first
    assert not set(map(id, first)) & set(map(id, second))


# -- who reads the reply


@pytest.mark.parametrize(
    ("upstream", "head", "model", "kind"),
    [
        ("anthropic", STREAM, MODEL, PassedStream),
        ("anthropic", STREAM, "theirs", PassedStream),
        ("anthropic", JSON, MODEL, PassedBody),
        ("anthropic", JSON, "theirs", RenamedBody),
        ("anthropic", attrs.evolve(JSON, status=400), "theirs", PassedBody),
        ("gemini", STREAM, MODEL, TranslatedReply),
        ("gemini", JSON, MODEL, TranslatedReply),
    ],
)
def test_the_formats_and_the_head_say_who_reads(upstream: str, head: ReplyHead, model: str, kind: type[object]) -> None:
    found = translation("anthropic")
    there = attrs.evolve(upstream_of(upstream), model=model)
    assert isinstance(found.reader(there, found.prepare(there), head), kind)


def test_a_count_is_reworded() -> None:
    found = translation("anthropic", operation=Operation.COUNT_TOKENS)
    there = upstream_of("gemini")
    reader = found.reader(there, found.prepare(there), JSON)
    assert isinstance(reader, RewordedBody)
    assert reader.feed(b'{"totalTokens":7}') + reader.finish() == b'{"input_tokens":7}'


def test_a_gemini_client_is_asked_by_its_url_whether_it_streams() -> None:
    for stream, array in ((True, False), (False, True), (False, False)):
        body = sent(prepared(translation("gemini", stream=stream, array=array), "openai-chat"))
        assert bool(body.get("stream")) is (stream or array)


# -- vendors' own backends

CODEX: Final = PROVIDERS["codex-backend"].dialect
CODE_ASSIST: Final = attrs.evolve(PROVIDERS["code-assist"].dialect, project="p-1")
CODEX_RULES: Final = {
    "stream": True,
    "store": False,
    "include": ["reasoning.encrypted_content"],
    "instructions": "",
}


@every_wire
@pytest.mark.parametrize("stream", [True, False])
def test_a_backends_rules_are_kept_whoever_asks(wire: str, stream: bool) -> None:
    found = sent(prepared(translation(wire, stream=stream), "openai-responses", dialect=CODEX))
    assert CODEX_RULES.items() <= found.items()


@every_wire
def test_an_envelope_is_closed_around_every_request(wire: str) -> None:
    found = sent(prepared(translation(wire), "gemini", dialect=CODE_ASSIST))
    assert found.keys() == {"model", "project", "request"}


@every_wire
def test_configured_rules_come_behind_those_of_a_backend(wire: str) -> None:
    found = translation(wire, under=attrs.evolve(rules(), payload=OVERRIDE))
    assert sent(prepared(found, "openai-responses", dialect=CODEX))["temperature"] == 0.25


@pytest.mark.parametrize("wire", ["anthropic", "gemini"])
def test_configured_rules_are_for_what_is_in_an_envelope(wire: str) -> None:
    found = translation(wire, under=attrs.evolve(rules(), payload=OVERRIDE))
    assert sent(prepared(found, "gemini", dialect=CODE_ASSIST))["request"]["temperature"] == 0.25


def test_a_suffix_is_bound_by_a_backends_rules() -> None:
    found = translation("openai-responses", reasoning=Reasoning("off"))
    assert sent(prepared(found, "openai-responses", dialect=CODEX))["reasoning"]["effort"] == "low"


@pytest.mark.parametrize(
    ("stream", "operation", "standing"),
    [
        (True, Operation.GENERATE, (True, False)),
        (False, Operation.GENERATE, (True, True)),
        (False, Operation.COMPACT, (False, False)),
    ],
)
def test_what_becomes_of_a_reply_of_a_backend_is_known_beforehand(
    stream: bool, operation: Operation, standing: tuple[bool, bool]
) -> None:
    found = translation("openai-responses", stream=stream, operation=operation)
    ready = prepared(found, "openai-responses", dialect=CODEX)
    assert (ready.reworked, ready.collected) == standing


def test_the_length_of_a_reply_is_the_upstreams_where_nothing_is_made_over() -> None:
    ready = prepared(translation("openai-responses"), "openai-responses")
    assert (ready.reworked, ready.collected) == (False, False)


@pytest.mark.parametrize(
    ("dialect", "wire", "head", "kind"),
    [
        (CODEX, "openai-responses", STREAM, ReworkedReply),
        (CODEX, "openai-responses", JSON, PassedBody),
        (CODEX, "openai-responses", attrs.evolve(STREAM, status=400), PassedBody),
        (CODE_ASSIST, "gemini", STREAM, ReworkedReply),
        (CODE_ASSIST, "gemini", JSON, ReworkedReply),
        (CODE_ASSIST, "gemini", attrs.evolve(JSON, status=400), PassedBody),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_a_backends_success_is_made_over(
    dialect: Dialect, wire: str, head: ReplyHead, kind: type[object], stream: bool
) -> None:
    found = translation(wire, stream=stream)
    there = attrs.evolve(upstream_of(wire), dialect=dialect)
    assert type(found.reader(there, found.prepare(there), head)) is kind


def test_a_body_that_is_made_of_a_stream_says_what_it_took() -> None:
    found = translation("openai-responses")
    there = attrs.evolve(upstream_of("openai-responses"), dialect=CODEX)
    reader = found.reader(there, found.prepare(there), STREAM)
    told = b"".join(reader.feed(event) for event in events_of("openai-responses"))
    assert GRAMMARS["openai-responses"].read(told).answers[0].joined("text") == "Hello"
    assert (reader.complete, reader.usage.output) == (True, 2)


def test_a_name_that_cannot_be_changed_in_place_is_translated_there_and_back() -> None:
    name = "look_" * 20
    found = translation("openai-responses", asking("openai-responses", [name], stream=False))
    ready = prepared(found, "openai-responses", dialect=CODEX)
    assert ready.request is not None
    assert len(sent(ready)["tools"][0]["name"]) <= 64


def test_no_other_upstream_minds_such_a_name() -> None:
    body = asking("openai-responses", ["look_" * 20], stream=False)
    assert prepared(translation("openai-responses", body), "openai-responses").request is None


@pytest.mark.parametrize("depth", [500, 5000, 100_000])
def test_a_body_of_any_depth_is_sent_to_a_backend_or_refused(depth: int) -> None:
    body = b'{"model":"%b","input":[],"odd":%b1%b}' % (MODEL.encode(), b"[" * depth, b"]" * depth)
    try:
        told = prepared(translation("openai-responses", body), "openai-responses", dialect=CODEX).body
    except BadRequest:
        return
    assert b'"stream":true' in told
