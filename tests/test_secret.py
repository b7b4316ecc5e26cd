from __future__ import annotations

import copy
import hashlib
import io
import json
import pickle
from secrets import token_hex

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import LogEvent, eventAsJSON, formatEvent, textFileLogObserver
from twisted.python.failure import Failure

from cliproxy.config.schema import ClaudeKey
from cliproxy.secret import LEAST_LENGTH_TO_SHOW, SHOWN_LETTERS, Secret

TEXT = "sk-ant-0123456789abcdef"
HIDDEN = TEXT[SHOWN_LETTERS:]


def event(**fields: object) -> LogEvent:
    return {"log_format": "{key} {key!r} {key!s}", "log_time": 0.0, **fields}


def test_only_reveal_gives_the_text_back() -> None:
    assert Secret(TEXT).reveal() == TEXT


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{!r:>40}".format, "%s".__mod__, ascii])
def test_however_it_is_shown_four_letters_are_seen(show: object) -> None:
    assert callable(show)
    shown = show(Secret(TEXT))
    assert HIDDEN not in shown
    assert "sk-a" in shown


def test_of_a_short_text_nothing_is_seen() -> None:
    assert repr(Secret("x" * (LEAST_LENGTH_TO_SHOW - 1))) == "<secret …>"
    assert repr(Secret("")) == "<secret …>"


@given(st.text(min_size=1))
def test_at_most_four_letters_are_shown(text: str) -> None:
    shown = repr(Secret(text)).removeprefix("<secret ").removesuffix("…>")
    assert len(shown) <= SHOWN_LETTERS
    assert text.startswith(shown)


def test_a_value_that_holds_one_does_not_print_it() -> None:
    key = ClaudeKey(Secret(TEXT))
    assert HIDDEN not in repr(key)
    assert HIDDEN not in repr(attrs.asdict(key))


def test_a_log_does_not_print_it() -> None:
    stream = io.StringIO()
    textFileLogObserver(stream)(event(key=Secret(TEXT)))
    assert HIDDEN not in stream.getvalue() + formatEvent(event(key=Secret(TEXT))) + eventAsJSON(event(key=Secret(TEXT)))


def test_a_traceback_with_locals_does_not_print_it() -> None:
    secret = Secret(token_hex(16))
    try:
        raise ValueError(secret)
    except ValueError:
        told = Failure(captureVars=True).getTraceback(detail="verbose")
    assert repr(secret) in told
    assert secret.reveal() not in told


@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy])
def test_it_is_not_taken_apart(way: object) -> None:
    assert callable(way)
    with pytest.raises(TypeError, match="a secret is not pickled"):
        way(Secret(TEXT))


def test_it_is_no_json() -> None:
    with pytest.raises(TypeError):
        json.dumps(Secret(TEXT))


def test_it_has_no_dict_to_look_into() -> None:
    with pytest.raises(TypeError):
        vars(Secret(TEXT))


def test_two_of_one_text_are_equal_and_hash_alike() -> None:
    assert Secret(TEXT) == Secret(TEXT)
    assert len({Secret(TEXT), Secret(TEXT), Secret("other")}) == 2


@pytest.mark.parametrize("other", [Secret("other"), TEXT, None, hashlib.sha256(TEXT.encode()).digest()])
def test_it_equals_nothing_else(other: object) -> None:
    assert Secret(TEXT) != other


def test_an_empty_one_is_false() -> None:
    assert not Secret("")
    assert Secret("0")


@given(st.text())
def test_the_digest_is_sha_256_of_the_text(text: str) -> None:
    assert Secret(text).digest() == hashlib.sha256(text.encode()).digest()
