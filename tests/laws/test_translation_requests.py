"""Requests: what a format says is what it reads, nothing is lost in silence, and no body brings the proxy down."""

from __future__ import annotations

import contextlib
import json
from random import Random
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.request import Request, Role
from cliproxy.errors import BadRequest
from cliproxy.formats import CODECS
from cliproxy.formats.codec import Support
from tests.support.requests import WISHES, Wish, conversations, readable, told_in, written
from tests.support.translating import PAIRS, WIRES, chances, often, translation, upstream_of
from tests.support.values import objects, places_in, values

Pair = tuple[str, str]
wires = st.sampled_from(WIRES)
every_wish = pytest.mark.parametrize(
    ("target", "wish"),
    [pytest.param(target, wish, id=f"{target}-{wish.field}") for target in WIRES for wish in WISHES],
)


def support(target: str, wish: Wish) -> Support:
    return CODECS[target].support[wish.field]


@every_wish
def test_what_a_format_is_said_to_carry_comes_back(target: str, wish: Wish) -> None:
    if support(target, wish) is Support.EXACT:
        assert wish.seen(readable(wish.asked, target)) == wish.seen(wish.asked)


@every_wish
def test_what_does_not_come_back_is_named(target: str, wish: Wish) -> None:
    losses = Losses()
    kept = wish.seen(readable(wish.asked, target, losses)) == wish.seen(wish.asked)
    assert kept or losses


@often
@given(wires, conversations())
def test_a_body_that_was_read_is_written_the_same(target: str, request: Request) -> None:
    body = written(request, target, Losses())
    again = readable(request, target)
    assert written(again, target, Losses()) == body


@often
@given(wires, conversations())
def test_a_conversation_comes_back_word_for_word(target: str, request: Request) -> None:
    if target in ("gemini", "openai-chat"):
        request = without_operator_in_between(request)
    assert told_in(readable(request, target)) == told_in(request)


def without_operator_in_between(request: Request) -> Request:
    """Where the wire has no such message, or another word for the role."""
    kept = tuple(message for message in request.messages if message.role in (Role.USER, Role.ASSISTANT))
    return attrs.evolve(request, messages=kept)


@often
@given(st.sampled_from(PAIRS), objects, st.booleans())
def test_any_object_as_a_request_works_or_is_refused(pair: Pair, body: dict[str, Any], stream: bool) -> None:
    upstream, client = pair
    with contextlib.suppress(BadRequest):
        translation(client, body, stream=stream).prepare(upstream_of(upstream))


@often
@given(st.sampled_from(PAIRS), conversations(), chances, st.data())
def test_a_spoilt_request_works_or_is_refused(
    pair: Pair, request: Request, chance: Random, data: st.DataObject
) -> None:
    upstream, client = pair
    body = json.loads(json.dumps(written(request, client, Losses())))
    for _ in range(chance.randrange(1, 5)):
        if places := places_in(body):
            holder, key = chance.choice(places)
            holder[key] = data.draw(values)
    with contextlib.suppress(BadRequest):
        translation(client, body).prepare(upstream_of(upstream))


@often
@given(st.sampled_from(PAIRS), conversations())
def test_a_request_of_any_format_is_readable_in_any_other(pair: Pair, request: Request) -> None:
    upstream, client = pair
    body = written(request, client, Losses())
    prepared = translation(client, body).prepare(upstream_of(upstream))
    CODECS[upstream].decode_request({"model": "a-model", **json.loads(prepared.body)}, Losses())
