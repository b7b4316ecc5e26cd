"""What is read of a daemon's answer, be it of another version or none at all."""

from __future__ import annotations

import pytest

from cliproxy.management.shapes import (
    CandidateTold,
    CooldownTold,
    Explanation,
    SessionTold,
    Status,
    StepTold,
    Unreadable,
    WindowTold,
    read_explanation,
    read_status,
)


def test_a_status_is_read() -> None:
    status = read_status(
        b'{"version":"1","now":12,"strategy":"quota-aware","credentials":[{"id":"a","state":"cooling","windows":'
        b'[{"name":"5h","model":"","used":1,"resets_at":20,"seconds":18000}],"cooldowns":[{"model":"m","verdict":'
        b'"rate limited","status":429,"reason":"slow","failures":1,"since":1,"until":2,"probe_at":null}],'
        b'"expires_at":null}],"next":{"m":"a"},"queue":{"waiting":1},"probes":2}'
    )
    (credential,) = status.credentials
    assert (status.now, status.next, status.queue.waiting, status.probes) == (12.0, {"m": "a"}, 1, 2)
    assert credential.windows == (WindowTold("5h", "", 1.0, 20.0, 18_000.0),)
    assert credential.cooldowns == (CooldownTold("rate limited", "m", 429, "slow", 1, 1.0, 2.0, None),)


def test_an_explanation_is_read() -> None:
    assert read_explanation(
        b'{"request_id":"req_1","at":1.5,"model":"m","session":{"source":"a header"},"outcome":"served","steps":'
        b'[{"at":1.5,"name":"m","taken":null,"model":"","why":"all cool","others":3,"candidates":'
        b'[{"credential":"a","model":"m","fate":"cooling","detail":"429"}]}]}'
    ) == Explanation(
        "req_1",
        1.5,
        "m",
        "served",
        SessionTold("a header"),
        (StepTold(1.5, "m", None, "", "all cool", (CandidateTold("a", "cooling", "m", "429"),), 3),),
    )


def test_what_is_not_known_is_passed_over() -> None:
    assert read_status(b'{"version":"9","now":1,"moon":"full"}') == Status("9", 1.0)


@pytest.mark.parametrize("content", [b"", b"nothing", b"[]", b"{}", b'{"version":1,"now":1}', b"\xff", b"[" * 100_000])
def test_what_is_something_else_is_refused(content: bytes) -> None:
    with pytest.raises(Unreadable):
        read_status(content)
    with pytest.raises(Unreadable):
        read_explanation(content)
