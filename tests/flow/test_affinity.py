"""A conversation stays on its account, whichever client holds it, and moves when the account is not well."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
import pytest

from cliproxy.config.schema import Config, Model, Routing
from cliproxy.house import House
from tests.support.crossing import Crossing, body_of, path_of
from tests.support.house import (
    BLOCK,
    BLOCK_STOP,
    JSON,
    MODEL,
    START,
    STOP,
    Asked,
    Caller,
    Daemon,
    delta,
    event,
    key,
    number_of,
    refuse,
    request,
    serve,
)

SPARE = "claude-haiku-4-5"


def turn(daemon: Daemon, session: str, *, model: str = MODEL) -> int:
    """One turn of a conversation, which is served; the number of the key that it went to."""
    daemon.talk(session, model=model)
    serve(daemon.upstream.last)
    return number_of(daemon.upstream.last)


def told_cached(asked: Asked, tokens: int) -> None:
    """A good stream, of whose prompt so much came from the cache."""
    usage = {"input_tokens": 10, "cache_read_input_tokens": tokens, "output_tokens": 1}
    start = event("message_start", message={"id": "msg_1", "model": MODEL, "content": [], "usage": usage})
    end = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 2})
    asked.answer(body=start + BLOCK + delta("x") + BLOCK_STOP + end + STOP, end=True)


def affinity(house: House) -> Mapping[str, int]:
    """As the operator is told of it."""
    told = house.status()["affinity"]
    assert isinstance(told, dict)
    return told


def test_a_conversation_stays() -> None:
    daemon = Daemon(keys=4)
    assert len({turn(daemon, "a") for _ in range(8)}) == 1


def test_another_conversation_goes_elsewhere() -> None:
    daemon = Daemon(keys=4)
    assert sorted(turn(daemon, str(number)) for number in range(4)) == [0, 1, 2, 3]


def test_each_model_of_a_conversation_has_an_account_of_its_own() -> None:
    """The cache is a model's; a small one that names the conversation must not fix the large one's account."""
    daemon = Daemon(keys=2)
    small = [turn(daemon, "a", model=SPARE) for _ in range(3)]
    large = [turn(daemon, "a") for _ in range(3)]
    assert len(set(small)) == len(set(large)) == 1


def test_a_conversation_without_a_name_is_known_by_its_beginning() -> None:
    daemon = Daemon(keys=3)
    used: set[int] = set()
    turns = [{"role": "user", "content": "What is new?"}]
    for number in range(4):
        daemon.caller().ask(orjson.dumps({"model": MODEL, "max_tokens": 9, "stream": True, "messages": turns}))
        serve(daemon.upstream.last)
        used.add(number_of(daemon.upstream.last))
        turns += [{"role": "assistant", "content": "Much."}, {"role": "user", "content": f"And {number}?"}]
        daemon.talk(f"another {number}")
        serve(daemon.upstream.last)
    assert len(used) == 1


@pytest.mark.parametrize(
    ("client", "line"),
    [
        ("anthropic", "X-Claude-Code-Session-Id: 5e1"),
        ("openai-responses", "session_id: 5e1"),
        ("openai-chat", "x-session-affinity: 5e1"),
        ("gemini", "x-session-id: 5e1"),
    ],
)
def test_clients_name_their_conversations_in_their_own_ways(client: str, line: str) -> None:
    daemon = Crossing(*(["anthropic"] * 3))
    ways: set[str] = set()
    for number in range(4):
        body = body_of(client, stream=True)
        daemon.caller().ask(body, line, path=path_of(client, stream=True))
        ways.add(daemon.upstream.last.headers.getRawHeaders("x-api-key", [])[0])
        serve(daemon.upstream.last)
        daemon.ask(client, f"x-session-id: another {number}")
        serve(daemon.upstream.last)
    assert len(ways) == 1


def test_it_moves_when_its_key_cools_and_stays_there() -> None:
    daemon = Daemon(keys=2)
    home = turn(daemon, "a")
    client = daemon.talk("a")
    refuse(daemon.upstream.last, 429, ("Retry-After", "60"))
    serve(daemon.upstream.last)
    assert client.ended
    assert turn(daemon, "a") == 1 - home
    daemon.pass_time(61)
    assert turn(daemon, "other") == home
    assert turn(daemon, "a") == 1 - home


def test_what_moving_costs_is_counted() -> None:
    daemon = Daemon(keys=2)
    daemon.talk("a")
    told_cached(daemon.upstream.last, 5000)
    daemon.talk("a")
    refuse(daemon.upstream.last, 529)
    serve(daemon.upstream.last)
    told = affinity(daemon.house)
    assert (told["conversations"], told["moves"], told["cached_tokens_lost"]) == (1, 1, 5000)


def test_a_conversation_that_has_gone_nowhere_has_not_moved() -> None:
    daemon = Daemon(keys=2)
    daemon.talk("a")
    refuse(daemon.upstream.last, 529)
    serve(daemon.upstream.last)
    assert affinity(daemon.house)["moves"] == 0


def test_counting_tokens_follows_the_conversation() -> None:
    daemon = Daemon(keys=3)
    home = turn(daemon, "a")
    for number in range(4):
        daemon.caller().ask(request(stream=False), "X-Session-Id: a", path="/v1/messages/count_tokens")
        assert number_of(daemon.upstream.last) == home
        daemon.upstream.last.answer(200, JSON, body=b'{"input_tokens":1}', end=True)
        turn(daemon, f"another {number}")


def test_counting_tokens_begins_no_conversation() -> None:
    daemon = Daemon(keys=3)
    daemon.caller().ask(request(stream=False), "X-Session-Id: a", path="/v1/messages/count_tokens")
    assert affinity(daemon.house)["conversations"] == 0


def test_a_conversation_is_forgotten_after_its_time() -> None:
    daemon = Daemon(2, Config(routing=Routing(session_affinity_seconds=100, strategy="round-robin")))
    first = turn(daemon, "a")
    daemon.pass_time(101)
    assert turn(daemon, "a") == 1 - first


def test_without_affinity_each_request_goes_its_own_way() -> None:
    daemon = Daemon(2, Config(routing=Routing(session_affinity=False, strategy="round-robin")))
    assert [turn(daemon, "a") for _ in range(4)] == [0, 1, 0, 1]


def test_a_conversation_survives_a_reload() -> None:
    daemon = Daemon(keys=3)
    home = turn(daemon, "a")
    daemon.house.configure(daemon.config)
    turn(daemon, "b")
    assert turn(daemon, "a") == home


def test_a_conversation_whose_key_is_gone_goes_on_with_another() -> None:
    daemon = Daemon(keys=2)
    home = turn(daemon, "a")
    daemon.house.configure(Config(claude_keys=(key(1 - home),)))
    assert turn(daemon, "a") == 1 - home


def test_why_a_conversation_stays_is_explained() -> None:
    daemon = Daemon(keys=2)
    turn(daemon, "a")
    client = daemon.talk("a")
    serve(daemon.upstream.last)
    told = daemon.explained(client)
    assert told["session"] == {"source": "header x-session-id"}
    assert told["steps"][0]["why"] == "the conversation is there"
    assert told["outcome"].startswith("200 by claude:")


def test_a_conversations_own_words_are_kept_nowhere() -> None:
    daemon = Daemon(keys=2)
    client: Caller = daemon.talk("my-secret-project")
    serve(daemon.upstream.last)
    assert "my-secret" not in str((daemon.house.status(), daemon.explained(client)))


def test_a_stream_that_is_never_answered_binds_nobody_for_good() -> None:
    daemon = Daemon(keys=2)
    client = daemon.talk("a")
    first = number_of(daemon.upstream.last)
    daemon.upstream.last.answer().say(START)
    client.leave()
    daemon.assert_quiet()
    assert turn(daemon, "a") == first


def test_windows_that_answers_tell_of_are_shown() -> None:
    daemon = Daemon(keys=1)
    daemon.talk("a")
    reset = ("Anthropic-Ratelimit-Unified-5h-Reset", "1790003600")
    used = ("Anthropic-Ratelimit-Unified-5h-Utilization", "0.25")
    daemon.upstream.last.answer(200, ("Content-Type", "text/event-stream"), used, reset, body=START)
    (row,) = orjson.loads(orjson.dumps(daemon.house.status()))["credentials"]
    (window,) = row["windows"]
    assert (window["name"], window["used"], window["resets_at"]) == ("5h", 0.25, 1790003600.0)


def test_windows_that_a_refusal_tells_of_are_shown() -> None:
    daemon = Daemon(keys=1)
    daemon.talk("a")
    reset = ("Anthropic-Ratelimit-Unified-5h-Reset", "1790003600")
    used = ("Anthropic-Ratelimit-Unified-5h-Utilization", "1.0")
    refuse(daemon.upstream.last, 429, used, reset)
    (row,) = orjson.loads(orjson.dumps(daemon.house.status()))["credentials"]
    assert [window["used"] for window in row["windows"]] == [1.0]


def test_two_models_behind_one_alias_are_two_places() -> None:
    pool = (Model("claude-opus-4-5", "opus"), Model("claude-opus-4-6", "opus"))
    daemon = Daemon(config=Config(claude_keys=(key(0, models=pool),)))
    daemon.talk("a", model="opus")
    refuse(daemon.upstream.last, 429, ("Retry-After", "60"))
    models = [orjson.loads(asked.body)["model"] for asked in daemon.upstream.asked]
    assert sorted(models) == ["claude-opus-4-5", "claude-opus-4-6"]
