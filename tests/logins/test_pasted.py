"""What people paste, and what browsers bring."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.logins.pasted import MAX_CHARACTERS, Callback, Unreadable, printable, read_pasted, read_query
from cliproxy.secret import Secret

BOTH = Callback(Secret("the-code"), Secret("the-state"))


@pytest.mark.parametrize(
    "text",
    [
        "http://localhost:1455/auth/callback?code=the-code&state=the-state",
        "  http://localhost:1455/auth/callback?state=the-state&code=the-code&scope=a+b \r\n",
        "<https://example.org/done?code=the-code&state=the-state>",
        "https://example.org/done#code=the-code&state=the-state",
        "https://example.org/done?code=the-code#state=the-state",
        "https://example.org/done?code=the-code#the-state",
        "https://example.org/done?code=the-code%23the-state",
        "?code=the-code&state=the-state",
        "#code=the-code&state=the-state",
        "code=the-code&state=the-state",
        "the-code#the-state",
        "\x1b[200~the-code#the-state\x1b[201~",
    ],
)
def test_a_redirect_is_read_however_it_is_pasted(text: str) -> None:
    assert read_pasted(text) == BOTH


def test_a_code_keeps_what_is_quoted_in_it() -> None:
    assert read_pasted("?code=4%2F0Ab%2B%3D&state=s").code == Secret("4/0Ab+=")


def test_an_error_is_read_with_its_description() -> None:
    callback = read_pasted("http://localhost/callback?error=access_denied&error_description=no+thanks&state=s")
    assert (callback.error, callback.description, callback.state) == ("access_denied", "no thanks", Secret("s"))


def test_a_state_that_is_missing_is_empty() -> None:
    """Whose code it is, only the state tells: the caller refuses it."""
    assert not read_pasted("http://localhost/callback?code=the-code").state


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "yes",
        "the-code#",
        "#the-state",
        "a#b#c",
        "http://localhost/callback",
        "http://localhost/callback?state=s",
        "http://localhost/callback?code=a&code=b&state=s",
        "http://[::1/callback?code=a&state=s",
        "code=a&state=%ff",
        "two words",
        "x" * (MAX_CHARACTERS + 1),
        "&".join(f"a{number}=1" for number in range(100)),
    ],
)
def test_anything_else_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        read_pasted(text)


def test_a_code_does_not_print() -> None:
    assert "the-code-of-somebody" not in repr(read_pasted("the-code-of-somebody#the-state"))


def test_what_is_unreadable_is_not_repeated() -> None:
    with pytest.raises(Unreadable) as caught:
        read_pasted("sk-secret-of-somebody")
    assert "sk-secret" not in str(caught.value)


def test_a_description_cannot_command_the_terminal() -> None:
    assert printable("no\x1b[2Jthanks\n\u202e") == "no [2Jthanks"


def test_an_errors_name_cannot_either() -> None:
    assert read_query("error=%1b%5b2J&state=s").error == "an error without a name"


@given(st.text())
def test_whatever_is_pasted_is_read_or_refused(text: str) -> None:
    try:
        callback = read_pasted(text)
    except Unreadable:
        return
    assert callback.code or callback.error
