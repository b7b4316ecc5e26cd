"""Credentials that have enough to do: who waits, for how long, whose turn it is, and what those hear that cannot."""

from __future__ import annotations

import orjson
import pytest
from twisted.logger import LogEvent

from cliproxy.attempt import Attempt
from cliproxy.config.schema import Config, Routing, Share
from cliproxy.errors import BadRequest
from cliproxy.exchange import Exchange
from cliproxy.routing.pool import Grant
from tests.support.crossing import Crossing, error_of
from tests.support.house import BLOCK, START, WHOLE, Daemon, key, refuse, serve
from tests.support.translating import MODEL


def narrow(keys: int = 1, *, patient: bool = False, queue_size: int = 128, queue_seconds: float = 300.0) -> Daemon:
    """A daemon whose credentials take one request at a time."""
    routing = Routing(max_concurrency=1, queue_size=queue_size, queue_seconds=queue_seconds)
    return Daemon(keys, Config(routing=routing), patient=patient)


def waiting(daemon: Daemon) -> object:
    """How many are in the queue, as the operator is told."""
    return daemon.house.status()["queue"]


# -- one at a time


def test_the_second_request_waits_until_the_first_ends() -> None:
    daemon = narrow()
    first, second = daemon.talk("a"), daemon.talk("b")
    assert (len(daemon.upstream.asked), waiting(daemon)) == (1, {"waiting": 1})
    serve(daemon.upstream.asked[0])
    assert first.body == WHOLE
    serve(daemon.upstream.asked[1])
    assert second.body == WHOLE
    assert waiting(daemon) == {"waiting": 0}


def test_a_request_has_its_place_until_the_end_of_its_reply() -> None:
    daemon = narrow()
    daemon.talk("a")
    daemon.talk("b")
    daemon.upstream.last.answer().say(START + BLOCK)
    assert len(daemon.upstream.asked) == 1
    daemon.upstream.last.say(WHOLE[len(START + BLOCK) :]).end()
    assert len(daemon.upstream.asked) == 2


def test_a_full_credential_is_passed_over() -> None:
    daemon = narrow(keys=2)
    daemon.talk("a")
    daemon.talk("b")
    assert sorted(daemon.keys_asked) == [0, 1]


def test_a_conversation_whose_credential_is_full_goes_elsewhere() -> None:
    daemon = narrow(keys=2)
    daemon.talk("a")
    daemon.talk("a")
    assert sorted(daemon.keys_asked) == [0, 1]


def test_a_credentials_own_limit_counts() -> None:
    wide, tight = key(0, share=Share(max_concurrency=2)), key(1, share=Share(max_concurrency=1))
    daemon = Daemon(config=Config(claude_keys=(wide, tight)))
    for number in range(4):
        daemon.talk(str(number))
    assert sorted(daemon.keys_asked) == [0, 0, 1]


@pytest.mark.parametrize("trouble", ["refused", "cut", "left"])
def test_a_request_that_ends_in_any_way_makes_room(trouble: str) -> None:
    daemon = narrow(keys=2)
    first = daemon.talk("a")
    daemon.talk("b")
    daemon.talk("c")
    assert len(daemon.upstream.asked) == 2
    if trouble == "refused":
        refuse(daemon.upstream.asked[0], 400)
    elif trouble == "cut":
        daemon.upstream.asked[0].answer().say(START + BLOCK).cut()
        serve(daemon.upstream.asked[1])
    else:
        first.leave()
    assert len(daemon.upstream.asked) == 3


def test_a_waiting_stream_is_kept_alive() -> None:
    daemon = narrow()
    daemon.talk("a")
    client = daemon.talk("b")
    daemon.pass_time(15)
    assert (client.status, client.body) == (200, b"\n")
    serve(daemon.upstream.asked[0])
    serve(daemon.upstream.asked[1])
    assert client.body == b"\n" + WHOLE


# -- whose turn it is


def test_each_conversation_has_its_turn() -> None:
    """One that asks ten times at once does not keep the others waiting for all ten."""
    daemon = narrow()
    daemon.talk("first")
    busy = [daemon.talk("busy") for _ in range(3)]
    other = daemon.talk("other")
    order: list[str] = []
    for _ in range(4):
        serve(daemon.upstream.last)
        for name, client in (*((f"busy {number}", one) for number, one in enumerate(busy)), ("other", other)):
            if client.told and name not in order:
                order.append(name)
    serve(daemon.upstream.last)
    assert order.index("other") == 1


def test_within_a_conversation_who_came_first_is_first() -> None:
    daemon = narrow()
    daemon.talk("first")
    one, two = daemon.talk("a"), daemon.talk("a")
    serve(daemon.upstream.last)
    serve(daemon.upstream.last)
    assert (one.told, two.told) == (True, False)


def test_one_that_may_not_ask_who_is_free_does_not_keep_others_from_it() -> None:
    """It stood in front, had been refused there, and whoever came behind it was not looked at."""
    daemon = narrow(keys=2)
    daemon.talk("a")
    busy = daemon.keys_asked[0]
    daemon.talk("b")
    assert daemon.keys_asked[1] == 1 - busy
    refused_there = daemon.upstream.asked[1]
    refuse(refused_there, 429, ("Retry-After", "0"))  # b waits for the other one now
    assert waiting(daemon) == {"waiting": 1}
    daemon.pass_time(1.1)
    daemon.talk("c")
    assert daemon.keys_asked[2] == 1 - busy
    last = daemon.talk("d")
    assert waiting(daemon) == {"waiting": 2}
    serve(daemon.upstream.asked[2])
    assert len(daemon.upstream.asked) == 4
    assert daemon.keys_asked[3] == 1 - busy
    serve(daemon.upstream.asked[3])
    assert last.body.endswith(WHOLE)


# -- those that cannot wait


def test_the_one_too_many_is_refused_and_told_when_to_come_back() -> None:
    daemon = narrow(queue_size=1)
    daemon.talk("a")
    daemon.talk("b")
    client = daemon.talk("c")
    assert (client.status, client.headers["retry-after"]) == (529, "5")
    assert client.error["type"] == "overloaded_error"
    client.leave()


def test_a_client_of_another_format_is_refused_with_a_status_that_it_knows() -> None:
    routing = Routing(max_concurrency=1, queue_size=0)
    daemon = Crossing("anthropic", routing=routing)
    daemon.ask("openai-chat")
    client = daemon.ask("openai-chat")
    assert client.status == 503
    assert "as many requests as it may" in error_of(client, "openai-chat")["message"]


def test_who_has_waited_for_too_long_is_refused() -> None:
    daemon = narrow(queue_seconds=5)
    daemon.talk("a")
    client = daemon.talk("b", stream=False)
    daemon.pass_time(4)
    assert not client.told
    daemon.pass_time(1)
    assert (client.status, waiting(daemon)) == (529, {"waiting": 0})
    assert len(daemon.upstream.asked) == 1


def test_a_stream_that_has_waited_for_too_long_is_told_in_the_stream() -> None:
    daemon = narrow(queue_seconds=20)
    daemon.talk("a")
    client = daemon.talk("b")
    daemon.pass_time(20)
    assert client.ended
    assert b"overloaded_error" in client.body
    client.leave()


def test_a_client_that_leaves_the_queue_leaves_nothing_behind() -> None:
    daemon = narrow()
    first = daemon.talk("a")
    client = daemon.talk("b")
    client.leave()
    assert waiting(daemon) == {"waiting": 0}
    serve(daemon.upstream.last)
    first.leave()
    daemon.assert_quiet()
    assert len(daemon.upstream.asked) == 1


def test_who_waits_when_the_proxy_stops_is_told_so() -> None:
    daemon = Daemon(1, Config(routing=Routing(max_concurrency=1), shutdown_grace_seconds=2))
    daemon.talk("a", stream=False)
    client = daemon.talk("b", stream=False)
    done: list[object] = []
    daemon.house.drain().addBoth(done.append)
    daemon.pass_time(2)
    assert (client.status, done) == (503, [None])
    assert len(daemon.upstream.asked) == 1


# -- full ones and ill ones


def test_who_waits_for_a_full_one_is_served_by_one_that_is_back_meanwhile() -> None:
    """It was refused when the cooldown of the other was over, if somebody else was quicker to try that."""
    daemon = narrow(keys=2)
    daemon.talk("a")
    limited = daemon.keys_asked[0]
    refuse(daemon.upstream.asked[0], 429, ("Retry-After", "5"))
    assert daemon.keys_asked[1] == 1 - limited  # for a, and busy from now on
    first, second = daemon.talk("b"), daemon.talk("c")
    assert waiting(daemon) == {"waiting": 2}
    daemon.pass_time(6)
    assert daemon.keys_asked[2:] == [limited]
    assert (first.told, second.told) == (False, False)
    assert waiting(daemon) == {"waiting": 1}
    serve(daemon.upstream.asked[2])
    assert daemon.keys_asked[3:] == [limited]


def test_who_waits_is_woken_by_the_clock_if_nothing_else_happens() -> None:
    """A cooldown that began while it waited was over, and nobody told it."""
    daemon = narrow(keys=2)
    daemon.talk("a")
    daemon.talk("b")
    client = daemon.talk("c")
    broken = daemon.upstream.asked[0]
    broken.answer().say(START + BLOCK).cut()
    assert waiting(daemon) == {"waiting": 1}
    daemon.pass_time(2)
    assert len(daemon.upstream.asked) == 3
    serve(daemon.upstream.asked[2])
    assert client.ended


def test_while_one_is_tried_others_wait_for_what_comes_of_it() -> None:
    daemon = Daemon(1)
    daemon.talk("a")
    refuse(daemon.upstream.last, 429, ("Retry-After", "5"))
    daemon.pass_time(6)
    probe, other = daemon.talk("b"), daemon.talk("c")
    assert len(daemon.upstream.asked) == 2
    serve(daemon.upstream.last)
    assert probe.ended
    serve(daemon.upstream.last)
    assert other.body == WHOLE


def test_who_waits_for_one_that_is_tried_in_vain_is_told_when_it_will_be_back() -> None:
    daemon = Daemon(1)
    daemon.talk("a")
    refuse(daemon.upstream.last, 429, ("Retry-After", "5"))
    daemon.pass_time(6)
    daemon.talk("b")
    client = daemon.talk("c")
    refuse(daemon.upstream.last, 429, ("Retry-After", "100"))
    assert (client.status, client.headers["retry-after"]) == (429, "100")
    client.leave()


def test_another_round_goes_before_the_queue() -> None:
    """Its own credential was well again after a second; it stood in the queue of the other for five minutes."""
    daemon = narrow(keys=2, patient=True)
    daemon.talk("a")
    client = daemon.talk("b")
    mine = daemon.keys_asked[1]
    refuse(daemon.upstream.asked[1], 529)
    daemon.pass_time(2)
    assert daemon.keys_asked[2:] == [mine]
    serve(daemon.upstream.last)
    assert client.body == WHOLE


def test_with_no_round_left_it_is_the_queue() -> None:
    daemon = narrow(keys=2)
    daemon.talk("a")
    client = daemon.talk("b")
    refuse(daemon.upstream.asked[1], 529)
    assert waiting(daemon) == {"waiting": 1}
    serve(daemon.upstream.asked[0])
    assert daemon.keys_asked[2] == daemon.keys_asked[0]
    serve(daemon.upstream.last)
    assert client.body == WHOLE


def test_who_waits_for_one_that_goes_is_told_so() -> None:
    """With nobody left to be asked it stood in the queue to the end of its time."""
    daemon = narrow(keys=2)
    daemon.talk("a")
    client = daemon.talk("b")
    refuse(daemon.upstream.asked[1], 500)
    assert waiting(daemon) == {"waiting": 1}
    refuse(daemon.upstream.asked[0], 401)
    assert client.status == 500


# -- grants


def test_what_cannot_be_prepared_keeps_no_place(failures: list[LogEvent], monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake of ours took the credential's only place for good."""
    daemon = narrow()
    with monkeypatch.context() as broken:
        broken.setattr(Exchange, "_prepare", lambda *_: 1 / 0)
        assert daemon.talk("a").status == 500
    client = daemon.talk("b")
    serve(daemon.upstream.last)
    assert client.body == WHOLE
    failures.clear()


def test_what_cannot_be_said_keeps_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = narrow()

    def unsaid(exchange: Exchange, grant: Grant) -> Attempt | None:
        raise BadRequest("It cannot be said.")

    with monkeypatch.context() as unable:
        unable.setattr(Exchange, "_prepare", unsaid)
        assert daemon.talk("a").status == 400
    daemon.talk("b")
    assert len(daemon.upstream.asked) == 1


def test_an_estimate_keeps_no_place() -> None:
    daemon = Crossing("openai-chat", routing=Routing(max_concurrency=1))
    body = orjson.dumps({"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]})
    for _ in range(2):
        client = daemon.caller().ask(body, path="/v1/messages/count_tokens")
        assert client.headers["x-cliproxy-token-count"] == "estimate"
    assert daemon.upstream.asked == []


def test_however_often_it_looked_the_explanation_tells_who_served() -> None:
    """Sixty-four looks in vain were all that was kept."""
    daemon = narrow()
    daemon.talk("a")
    client = daemon.talk("b")
    for _ in range(100):
        daemon.house._exchanges.waiting.stir()
    serve(daemon.upstream.last)
    serve(daemon.upstream.last)
    assert [step["taken"] is None for step in daemon.explained(client)["steps"]] == [True, False]
