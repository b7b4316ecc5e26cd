"""A model of which nobody is well: those that stand in for it, in any format, under the name that was asked for."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
import pytest

from cliproxy.config.schema import Config, KeyEntry, Model, OpenAICompatibility, Retrying, Routing
from cliproxy.secret import Secret
from tests.support.crossing import sent, stream_from, whole_from
from tests.support.house import LIMITED, MODEL, WHOLE, Caller, Daemon, key, refuse, request, serve

SPARE = "spare"
HAIKU = "claude-haiku-4-5"
OWN = key(0, models=(Model(MODEL, MODEL), Model(HAIKU, HAIKU)))
CHAT = OpenAICompatibility(
    "chat",
    "https://chat.example/v1",
    models=(Model("upstream-spare", SPARE),),
    keys=(KeyEntry(Secret("sk-upstream-chat-0123456789")),),
)
STAND_INS: Mapping[str, tuple[str, ...]] = {MODEL: (SPARE,)}


def with_stand_ins(fallbacks: Mapping[str, tuple[str, ...]] = STAND_INS, max_concurrency: int = 0) -> Daemon:
    """One upstream of Anthropic's format for two models, and one of Chat's for a third. Each is asked once."""
    retrying = Retrying(max_retry_interval_seconds=0, fallbacks=fallbacks)
    routing = Routing(max_concurrency=max_concurrency)
    config = Config(claude_keys=(OWN,), openai_compatibility=(CHAT,), retrying=retrying, routing=routing)
    return Daemon(config=config)


def ask(daemon: Daemon, model: str = MODEL, *, stream: bool = True) -> Caller:
    """A client whose request can be told in any format."""
    said = [{"role": "user", "content": "Go on."}]
    body = orjson.dumps({"model": model, "max_tokens": 20_000, "stream": stream, "messages": said})
    return daemon.caller().ask(body)


def models_asked(daemon: Daemon) -> list[object]:
    """As each upstream was told them."""
    return [sent(asked)["model"] for asked in daemon.upstream.asked]


def told_model(client: Caller) -> object:
    """In the stream that a client got."""
    (start,) = [line for line in client.body.split(b"\n") if b'"message_start"' in line]
    return orjson.loads(start.removeprefix(b"data: "))["message"]["model"]


def test_a_model_that_is_well_is_asked_for_itself() -> None:
    daemon = with_stand_ins()
    client = ask(daemon)
    serve(daemon.upstream.last)
    assert (models_asked(daemon), client.body) == ([MODEL], WHOLE)


def test_behind_the_last_failure_the_stand_in_is_asked() -> None:
    daemon = with_stand_ins()
    client = ask(daemon)
    refuse(daemon.upstream.last, 529)
    assert models_asked(daemon) == [MODEL, "upstream-spare"]
    stream_from(daemon.upstream.last, "openai-chat")
    assert client.status == 200
    assert b"Hello" in client.body


def test_while_everybody_cools_the_stand_in_is_asked_at_once() -> None:
    daemon = with_stand_ins()
    ask(daemon)
    refuse(daemon.upstream.last, 429, ("Retry-After", "100"))
    ask(daemon)
    assert models_asked(daemon)[2:] == ["upstream-spare"]


def test_the_reply_has_the_name_that_was_asked_for() -> None:
    daemon = with_stand_ins()
    client = ask(daemon)
    refuse(daemon.upstream.last, 529)
    stream_from(daemon.upstream.last, "openai-chat")
    assert told_model(client) == MODEL


def test_the_same_upstream_may_have_the_stand_in() -> None:
    daemon = with_stand_ins({MODEL: (HAIKU,)})
    client = ask(daemon)
    refuse(daemon.upstream.last, 529)
    assert models_asked(daemon) == [MODEL, HAIKU]
    serve(daemon.upstream.last)
    assert told_model(client) == MODEL


def test_they_are_asked_in_their_order() -> None:
    daemon = with_stand_ins({MODEL: (HAIKU, SPARE)})
    client = ask(daemon)
    refuse(daemon.upstream.last, 529)
    refuse(daemon.upstream.last, 529)
    assert models_asked(daemon) == [MODEL, HAIKU, "upstream-spare"]
    refuse(daemon.upstream.last, 500)
    assert client.status == 500


def test_the_last_failure_is_told_in_the_clients_words() -> None:
    daemon = with_stand_ins()
    client = ask(daemon, stream=False)
    refuse(daemon.upstream.last, 529)
    refuse(daemon.upstream.last, 500, body=b'{"error":{"message":"Alas"}}')
    assert (client.status, client.error["message"]) == (500, "Alas")


def test_a_clients_mistake_asks_no_stand_in() -> None:
    daemon = with_stand_ins()
    client = ask(daemon)
    refuse(daemon.upstream.last, 400)
    assert (client.body, len(daemon.upstream.asked)) == (LIMITED, 1)


def test_a_stand_in_that_nobody_serves_is_passed_over() -> None:
    daemon = with_stand_ins({MODEL: ("unheard-of", SPARE)})
    ask(daemon)
    refuse(daemon.upstream.last, 529)
    assert models_asked(daemon) == [MODEL, "upstream-spare"]


def test_a_model_that_nobody_serves_may_have_one() -> None:
    daemon = with_stand_ins({"gone": (HAIKU,)})
    client = ask(daemon, "gone")
    serve(daemon.upstream.last)
    assert models_asked(daemon) == [HAIKU]
    assert told_model(client) == "gone"


def test_a_stand_in_has_none_of_its_own() -> None:
    """Two that stand in for each other are asked once each."""
    daemon = with_stand_ins({MODEL: (HAIKU,), HAIKU: (MODEL,)})
    client = ask(daemon)
    refuse(daemon.upstream.last, 529)
    refuse(daemon.upstream.last, 529)
    assert (models_asked(daemon), client.status) == ([MODEL, HAIKU], 529)


def test_one_that_stands_in_for_itself_is_asked_once() -> None:
    daemon = with_stand_ins({MODEL: (MODEL,)})
    ask(daemon)
    refuse(daemon.upstream.last, 529)
    assert len(daemon.upstream.asked) == 1


def test_while_all_are_full_the_stand_in_is_asked() -> None:
    daemon = with_stand_ins(max_concurrency=1)
    ask(daemon)
    ask(daemon)
    assert models_asked(daemon) == [MODEL, "upstream-spare"]


def test_a_whole_reply_is_made_of_the_stand_ins_as_well() -> None:
    daemon = with_stand_ins()
    client = ask(daemon, stream=False)
    refuse(daemon.upstream.last, 529)
    whole_from(daemon.upstream.last, "openai-chat")
    assert orjson.loads(client.body)["model"] == MODEL


# -- thinking


@pytest.mark.parametrize("asked", ["claude-opus-4-5(high)", "claude-opus-4-5(8192)"])
def test_a_suffix_does_not_hide_the_stand_ins(asked: str) -> None:
    """They were looked for under the name with its suffix alone."""
    daemon = with_stand_ins()
    ask(daemon, asked)
    refuse(daemon.upstream.last, 529)
    assert models_asked(daemon) == [MODEL, "upstream-spare"]


def test_the_suffix_holds_for_the_stand_in() -> None:
    daemon = with_stand_ins()
    ask(daemon, "claude-opus-4-5(high)")
    refuse(daemon.upstream.last, 529)
    assert sent(daemon.upstream.last)["reasoning_effort"] == "high"


def test_a_stand_ins_own_suffix_holds_for_it() -> None:
    daemon = with_stand_ins({MODEL: (f"{SPARE}(low)",)})
    ask(daemon)
    assert "thinking" not in sent(daemon.upstream.last)
    refuse(daemon.upstream.last, 529)
    assert sent(daemon.upstream.last)["reasoning_effort"] == "low"


def test_stand_ins_may_be_named_for_a_suffix_alone() -> None:
    daemon = with_stand_ins({f"{MODEL}(high)": (SPARE,)})
    ask(daemon, f"{MODEL}(high)")
    refuse(daemon.upstream.last, 529)
    assert models_asked(daemon) == [MODEL, "upstream-spare"]


# -- rounds


def test_the_next_round_begins_with_the_model_itself() -> None:
    config = Config(claude_keys=(OWN,), openai_compatibility=(CHAT,), retrying=Retrying(fallbacks=STAND_INS))
    daemon = Daemon(config=config)
    client = ask(daemon)
    refuse(daemon.upstream.last, 529)
    refuse(daemon.upstream.last, 529)
    daemon.pass_time(1.5)
    assert models_asked(daemon) == [MODEL, "upstream-spare", MODEL]
    serve(daemon.upstream.last)
    assert client.body == WHOLE


def test_counting_has_its_stand_in_as_well() -> None:
    daemon = with_stand_ins({"gone": (HAIKU,)})
    client = daemon.caller().ask(request(stream=False, model="gone"), path="/v1/messages/count_tokens")
    assert daemon.upstream.last.uri.endswith("count_tokens")
    assert models_asked(daemon) == [HAIKU]
    client.leave()
    daemon.assert_quiet()
