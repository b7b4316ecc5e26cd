"""Envelopes: opened by the installation that sealed them, for the maker alone."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.translate.envelopes import MARK, Envelopes, Kind, Maker, Opened

CLAUDE = Maker.of("anthropic:api.anthropic.com", "claude-opus-5-5")
GEMINI = Maker.of("gemini:generativelanguage.googleapis.com", "gemini-3-pro")
ENVELOPES = Envelopes(b"the installation's secret")


@given(st.text(), st.sampled_from(Kind))
def test_what_was_sealed_can_be_opened(value: str, kind: Kind) -> None:
    assert ENVELOPES.open(ENVELOPES.seal(value, kind, CLAUDE), CLAUDE) == Opened(kind, value)


def test_an_envelope_is_standard_base64() -> None:
    sealed = ENVELOPES.seal("EqQBCgIYAhIk/+==", Kind.SIGNED, CLAUDE)
    assert base64.b64encode(base64.b64decode(sealed, validate=True)).decode() == sealed


def test_an_envelope_survives_the_url_safe_alphabet() -> None:
    sealed = ENVELOPES.seal("\xff\xfe" * 40, Kind.SIGNED, CLAUDE)
    url_safe = base64.urlsafe_b64encode(base64.b64decode(sealed)).decode()
    assert ENVELOPES.open(url_safe, CLAUDE) == ENVELOPES.open(sealed, CLAUDE) is not None


def test_an_envelope_survives_lost_padding() -> None:
    sealed = ENVELOPES.seal("abcd", Kind.SIGNED, CLAUDE)
    assert ENVELOPES.open(sealed.rstrip("="), CLAUDE) == Opened(Kind.SIGNED, "abcd")


def test_every_envelope_begins_with_the_mark() -> None:
    assert ENVELOPES.seal("", Kind.SIGNED, CLAUDE).startswith(MARK)


def test_another_vendor_does_not_get_it() -> None:
    assert ENVELOPES.open(ENVELOPES.seal("sig", Kind.SIGNED, CLAUDE), GEMINI) is None


def test_another_model_does_not_get_it() -> None:
    other = Maker.of("anthropic:api.anthropic.com", "claude-sonnet-5-5")
    assert ENVELOPES.open(ENVELOPES.seal("sig", Kind.SIGNED, CLAUDE), other) is None


@pytest.mark.parametrize("version", ["-20260101", "-latest", "@20260101", "-preview-05-06"])
def test_a_models_dated_version_is_the_same_family(version: str) -> None:
    dated = Maker.of("anthropic:api.anthropic.com", f"claude-opus-5-5{version}")
    assert ENVELOPES.open(ENVELOPES.seal("sig", Kind.SIGNED, CLAUDE), dated) == Opened(Kind.SIGNED, "sig")


def test_the_minor_version_is_no_date() -> None:
    assert Maker.of("o", "claude-opus-5-5") != Maker.of("o", "claude-opus-5")


def test_another_installation_cannot_open_it() -> None:
    assert Envelopes(b"another secret").open(ENVELOPES.seal("sig", Kind.SIGNED, CLAUDE), CLAUDE) is None


@given(st.integers(min_value=0), st.integers(0, 63))
def test_one_changed_letter_is_noticed(place: int, change: int) -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    sealed = ENVELOPES.seal("signature", Kind.SIGNED, CLAUDE)
    place %= len(sealed.rstrip("=")) - 1
    changed = sealed[:place] + letters[change] + sealed[place + 1 :]
    opened = ENVELOPES.open(changed, CLAUDE)
    assert opened is None or changed == sealed


@pytest.mark.parametrize("text", ["", "EqQB", MARK, MARK + "!!!!", MARK + "AAAA", "☕", MARK + "A" * 1000])
def test_what_is_no_envelope_is_not_opened(text: str) -> None:
    assert ENVELOPES.open(text, CLAUDE) is None


def test_the_binding_tells_a_client_nothing() -> None:
    sealed = ENVELOPES.seal("sig", Kind.SIGNED, CLAUDE)
    assert b"anthropic" not in base64.b64decode(sealed)
