"""The benchmark of Amp's door: its requests are the same for a seed, it sees what is left, and nothing is."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from bench import amp_speed, procs
from bench.amp import NOISE_BYTES, Left, plane_command, report, sockets, strain
from bench.amp_client import Party
from bench.amp_plane import KEPT_BYTES, pattern
from bench.amp_visits import Ending, Visit, visits
from bench.procs import CLIENT_KEY, Running

GOOD = Left(requests=10, seconds=1.0, sockets=(2, 2), memory=(80, 81, 82), wrong=(), mistakes=())


def test_a_seed_gives_the_same_visits_again() -> None:
    assert list(visits(7, 100, CLIENT_KEY)) == list(visits(7, 100, CLIENT_KEY))


def test_about_a_third_of_the_visits_end_before_their_time() -> None:
    early = sum(visit.ending is not Ending.WHOLE for visit in visits(1, 1000, CLIENT_KEY))
    assert 250 < early < 400


def test_every_ending_is_among_a_few_hundred_visits() -> None:
    assert {visit.ending for visit in visits(1, 300, CLIENT_KEY)} == set(Ending)


def test_a_pattern_is_as_long_as_was_asked_and_never_repeats() -> None:
    made = pattern(10_000)
    assert len(made) == 10_000
    assert made.count(made[4_000:4_016]) == 1


def test_it_says_that_nothing_was_left() -> None:
    assert report(GOOD).endswith("Nothing was left, and nothing was wrong.")


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (attrs.evolve(GOOD, sockets=(2, 5)), "3 sockets are left"),
        (attrs.evolve(GOOD, sockets=(5, 2)), "-3 sockets are left"),
        (attrs.evolve(GOOD, memory=(0, NOISE_BYTES + 1)), "memory has grown by 4.0 MiB"),
        (attrs.evolve(GOOD, wrong=("echo: two bytes",)), "echo: two bytes"),
        (attrs.evolve(GOOD, mistakes=("Traceback (most recent call last):",)), "Traceback (most recent call last):"),
    ],
)
def test_it_says_what_was_left_or_wrong(bad: Left, told: str) -> None:
    assert report(bad).endswith(told)


def test_a_long_list_of_what_was_wrong_is_cut() -> None:
    assert report(attrs.evolve(GOOD, wrong=("bad",) * 12)).endswith("bad\nand 2 more")


@pytest.mark.real
def test_an_open_socket_is_counted() -> None:
    before = sockets(os.getpid())
    with socket.socket():
        assert sockets(os.getpid()) == before + 1


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The control plane, with no daemon before it."""
    port = procs.free_port()
    with procs.started(plane_command(port), port, tmp_path_factory.mktemp("plane")) as running:
        yield running


def wrong_with(port: int, *asked: Visit) -> list[str]:
    """What a party finds wrong."""
    party = Party(port)
    asyncio.run(party.carry_out(asked))
    return party.wrong


def asking(path: str, ending: Ending, answer: bytes = b"") -> Visit:
    """A visit by a plain request."""
    return Visit("one", f"GET /api/threads/{path} HTTP/1.1\r\nhost: here\r\n\r\n".encode(), ending, answer)


@pytest.mark.real
def test_the_control_plane_answers_all_that_is_to_end_well(plane: Running) -> None:
    whole = [visit for visit in visits(3, 200, CLIENT_KEY) if visit.ending is Ending.WHOLE and visit.kind != "gzip"]
    assert wrong_with(plane.port, *whole) == []


@pytest.mark.real
def test_other_bytes_than_expected_are_told(plane: Running) -> None:
    (wrong,) = wrong_with(plane.port, asking("plain/3", Ending.WHOLE, b"abc"))
    assert wrong == "one, to end WHOLE: Wrong status 200, 3 bytes of 3, whole"


@pytest.mark.real
def test_a_break_where_the_whole_was_expected_is_told(plane: Running) -> None:
    (wrong,) = wrong_with(plane.port, asking("cut/chunked", Ending.WHOLE, pattern(KEPT_BYTES)))
    assert wrong.endswith("broken off")


@pytest.mark.real
def test_a_whole_answer_where_a_break_was_expected_is_told(plane: Running) -> None:
    (wrong,) = wrong_with(plane.port, asking("plain/3", Ending.BROKEN, pattern(3)))
    assert wrong.endswith("whole")


@pytest.mark.real
def test_a_break_that_came_too_early_is_told(plane: Running) -> None:
    (wrong,) = wrong_with(plane.port, asking("cut/chunked", Ending.BROKEN, pattern(KEPT_BYTES + 1)))
    assert wrong.endswith("broken off")


@pytest.mark.real
def test_the_cost_of_a_request_that_is_passed_on_is_measured(plane: Running) -> None:
    seen = amp_speed.measure("get", plane, 0.3)
    assert seen.replies > 0
    assert seen.cpu_seconds > 0


@pytest.mark.real
@pytest.mark.slow
def test_nothing_is_left_of_two_thousand_requests_of_which_a_third_broke_off(tmp_path: Path) -> None:
    left = strain(tmp_path, requests=2_000, seed=1, reload=True)
    assert left.complaints == ()
    assert left.requests == 2_000
