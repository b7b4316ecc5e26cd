"""Account files: what they say, and that what we write leaves the rest alone."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import attrs
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.logins.files import (
    FileUnusable,
    fingerprint,
    load,
    load_all,
    parse,
    parse_with_remarks,
    remove,
    save,
    token_fields,
)
from cliproxy.logins.login import Login
from cliproxy.logins.tokens import Tokens
from cliproxy.secret import Secret
from tests.support.account_files import CLAUDE, CLAUDE_CODE, GEMINI, jwt, write

NAME = "claude-me@example.org.json"
END = 1769860800.0


def parsed(**members: object) -> Login:
    return parse("a.json", json.dumps({"type": "claude", **members}).encode())


def said(path: Path) -> object:
    return json.loads(path.read_text())


# -- reading -------------------------------------------------------------------------------------------------------


def test_a_file_of_the_original_is_read() -> None:
    assert parse(NAME, json.dumps(CLAUDE).encode()) == Login(
        name=NAME,
        type="claude",
        access_token=Secret("own-access"),
        refresh_token=Secret("own-refresh"),
        expired=END,
        last_refresh=END - 8 * 3600,
        email="me@example.org",
    )


def test_tokens_may_stand_inside() -> None:
    login = parse("g.json", json.dumps(GEMINI).encode())
    assert (login.access_token, login.refresh_token) == (Secret("inner-access"), Secret("inner-refresh"))
    assert login.expired == pytest.approx(END, abs=1)
    assert (login.client_id, login.client_secret) == ("id.apps.example.org", Secret("inner-secret"))
    assert login.token_endpoint == "https://oauth2.googleapis.com/token"


def test_code_assist_has_two_names() -> None:
    assert parsed(type="gemini-cli").type == parsed(type="gemini").type == "gemini"


def test_vertex_has_a_key_file_inside() -> None:
    login = parsed(type="vertex", location="us-central1", service_account={"client_email": "a@b", "n": 1})
    assert (login.location, login.service_account) == ("us-central1", {"client_email": "a@b"})


def test_what_all_may_say_is_read_with_dashes_too() -> None:
    login = parsed(**{"excluded-models": ["a-*"], "proxy-url": "socks5://x", "prefix": "/team/", "disabled": True})
    assert login == attrs.evolve(
        parsed(), excluded_models=("a-*",), proxy_url="socks5://x", prefix="team", disabled=True
    )


def test_priority_and_weight_are_numbers() -> None:
    login = parsed(priority="7", weight=0)
    assert (login.priority, login.weight) == (7, 0)


@pytest.mark.parametrize("name", ["expired", "expire", "expires_at", "expiresAt", "expiry", "expires", "expires-at"])
def test_the_end_of_a_token_has_many_names(name: str) -> None:
    assert parsed(**{name: "2026-01-31T12:00:00Z"}).expired == END


def test_a_token_that_tells_its_own_end_is_believed() -> None:
    assert parsed(access_token=jwt(exp=END)).expired == END


def test_the_file_is_believed_before_the_token() -> None:
    assert parsed(access_token=jwt(exp=5), expired=END).expired == END


def test_of_several_projects_the_first_is_used_and_that_is_said() -> None:
    login, remarks = parse_with_remarks("g.json", json.dumps({**GEMINI, "project_id": "one, two"}).encode())
    assert login.project_id == "one"
    assert remarks == ("of 2 projects the first, one, is used; another needs a file of its own",)


def test_of_one_project_nothing_is_said() -> None:
    assert parse_with_remarks("g.json", json.dumps(GEMINI).encode())[1] == ()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{}", "it has no type; the types are claude, codex"),
        ('{"type": "qwen"}', "its type 'qwen' is not served here"),
        ('{"type": 5}', "its type '5' is not served"),
        ('{"type": ["claude"]}', "`type` is no text"),
        ("", "it is empty"),
        ('{"type": "claude", "acc', "it is not JSON"),
        ('{"type": "claude", "base_url": "file:///etc"}', "`base_url` is no http or https URL"),
        ('{"type": "claude", "token_endpoint": "http://evil.example"}', "`token_endpoint` is no https URL"),
        ('{"type": "claude", "prefix": "a/b"}', "`prefix` holds a character"),
        ('{"type": "vertex", "location": "x.evil.example/"}', "`location` holds a character"),
        ('{"type": "claude", "project_id": "a b"}', "`project_id` holds a character"),
        ('{"type": "claude", "account_id": "a\\r\\nb"}', "`account_id` holds a control character"),
        ('{"type": "claude", "adopted_from": "relative"}', "no absolute path"),
        ('{"type": "kimi", "adopted_from": "/x"}', "there is no CLI"),
    ],
)
def test_what_is_wrong_is_said(content: str, sentence: str) -> None:
    with pytest.raises(FileUnusable) as unusable:
        parse("a.json", content.encode())
    assert sentence in str(unusable.value)


@pytest.mark.parametrize(
    "value", ["[" * 900 + "]" * 900, "[" * 5000 + "]" * 5000, "9" * 5000, "1e999", "NaN", '"\\ud800"']
)
@pytest.mark.parametrize("member", ["access_token", "expired", "token", "weight", "headers", "service_account", "type"])
def test_hostile_values_raise_nothing_else(member: str, value: str) -> None:
    content = f'{{"type": "claude", "{member}": {value}}}'
    try:
        parse("a.json", content.encode())
    except FileUnusable:
        pass


@given(content=st.binary(max_size=50))
def test_garbage_is_unusable(content: bytes) -> None:
    with pytest.raises(FileUnusable):
        parse("a.json", content)


@given(
    members=st.dictionaries(
        st.sampled_from([field.name for field in attrs.fields(Login)] + ["token", "expires-at"]),
        st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(max_size=5),
        max_size=4,
    )
)
def test_any_members_are_a_login_or_unusable(members: dict[str, object]) -> None:
    try:
        content = orjson.dumps({**members, "type": "codex"})
    except TypeError:  # half of a surrogate pair
        return
    try:
        assert parse("a.json", content).type == "codex"
    except FileUnusable:
        pass


def test_secrets_do_not_print() -> None:
    shown = repr(parse("g.json", json.dumps(GEMINI).encode()))
    assert not any(secret in shown for secret in ("inner-access", "inner-refresh", "inner-secret"))


def test_what_repeats_is_kept_once() -> None:
    first, second = (parsed(base_url="https://x.example", excluded_models=["many-models"]) for _ in range(2))
    assert first.base_url is second.base_url
    assert first.excluded_models[0] is second.excluded_models[0]
    assert first.headers is second.headers


def test_an_adopted_account_has_the_tokens_of_the_cli(tmp_path: Path) -> None:
    source = write(tmp_path, ".credentials.json", CLAUDE_CODE)
    login = parsed(adopted_from=str(source), access_token="stale", expired="2030-01-01T00:00:00Z", prefix="mine")
    assert (login.access_token, login.refresh_token) == (Secret("claude-access"), Secret("claude-refresh"))
    assert (login.expired, login.prefix, login.adopted_from) == (END, "mine", str(source))


def test_a_rejected_refresh_token_is_no_matter_once_there_is_another() -> None:
    mark = {"needs_login": True, "needs_login_of": fingerprint(Secret("old"))}
    assert parsed(refresh_token="old", **mark).needs_login
    assert not parsed(refresh_token="new", **mark).needs_login


def test_a_mark_that_names_no_token_holds() -> None:
    assert parsed(refresh_token="new", needs_login=True).needs_login


def test_all_are_loaded_and_the_broken_ones_named(tmp_path: Path) -> None:
    write(tmp_path, "b.json", CLAUDE)
    write(tmp_path, "a.json", CLAUDE)
    write(tmp_path, "c.json", "{")
    write(tmp_path, "notes.txt", "x")
    write(tmp_path, ".hidden.json", CLAUDE)
    (tmp_path / "state").mkdir()
    loaded = load_all(tmp_path)
    assert [login.name for login in loaded.logins] == ["a.json", "b.json"]
    assert loaded.problems == {"c.json": "it is not JSON"}


def test_a_directory_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert load_all(tmp_path / "none").logins == ()


def test_a_directory_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileUnusable, match="cannot be looked at"):
        load_all(tmp_path / "file")


# -- writing -------------------------------------------------------------------------------------------------------


def test_a_new_account_makes_its_directory(tmp_path: Path) -> None:
    path = save(tmp_path / "deep" / "accounts", NAME, CLAUDE)
    assert load(path).email == "me@example.org"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_what_is_not_ours_survives_in_its_place(tmp_path: Path) -> None:
    path = write(
        tmp_path, NAME, '{"z": 1e2, "access_token": "old", "cloak": {"mode": "x"}, "n": 123456789012345678901}'
    )
    save(tmp_path, NAME, {"access_token": "new", "email": "e"})
    assert list(json.loads(path.read_text()).items()) == [
        ("z", 100.0),
        ("access_token", "new"),
        ("cloak", {"mode": "x"}),
        ("n", 123456789012345678901),
        ("email", "e"),
    ]


def test_with_nothing_new_the_file_is_not_touched(tmp_path: Path) -> None:
    path = write(tmp_path, NAME, CLAUDE)
    before = path.stat()
    save(tmp_path, NAME, {"email": "me@example.org"})
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_true_is_not_1(tmp_path: Path) -> None:
    path = write(tmp_path, NAME, {"disabled": 1})
    save(tmp_path, NAME, {"disabled": True})
    assert said(path) == {"disabled": True}


def test_a_member_is_taken_away(tmp_path: Path) -> None:
    path = write(tmp_path, NAME, {"a": 1, "note": "x"})
    save(tmp_path, NAME, {"note": None, "absent": None})
    assert said(path) == {"a": 1}


def test_tokens_go_where_they_stand(tmp_path: Path) -> None:
    path = write(tmp_path, "g.json", GEMINI)
    save(tmp_path, "g.json", {"access_token": "new", "expired": "2027-01-01T00:00:00Z", "email": "e"})
    token = {**CLAUDE, **GEMINI}["token"]
    assert isinstance(token, dict)
    assert said(path) == {
        **GEMINI,
        "email": "e",
        "token": {**token, "access_token": "new", "expiry": "2027-01-01T00:00:00Z"},
    }


def test_a_spelling_is_kept(tmp_path: Path) -> None:
    path = write(tmp_path, NAME, {"excluded-models": ["a"], "expires_at": 5, "lastRefresh": "x"})
    save(tmp_path, NAME, {"excluded_models": ["b"], "expired": "2027-01-01T00:00:00Z", "last_refresh": "y"})
    assert said(path) == {"excluded-models": ["b"], "expires_at": "2027-01-01T00:00:00Z", "lastRefresh": "y"}


def test_a_new_token_ends_the_need_for_a_login(tmp_path: Path) -> None:
    path = write(tmp_path, NAME, {"needs_login": True, "needs_login_of": "x", "access_token": "a"})
    save(tmp_path, NAME, {"access_token": "b"})
    assert said(path) == {"access_token": "b"}


def test_a_file_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    save(tmp_path, NAME, CLAUDE, only_existing=True)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_is_filled(tmp_path: Path) -> None:
    path = write(tmp_path, NAME, "")
    save(tmp_path, NAME, CLAUDE)
    assert said(path) == CLAUDE


def test_what_is_being_edited_is_not_written_over(tmp_path: Path) -> None:
    path = write(tmp_path, NAME, '{"type": "cla')
    with pytest.raises(FileUnusable, match="not JSON"):
        save(tmp_path, NAME, CLAUDE)
    assert path.read_text() == '{"type": "cla'


@pytest.mark.parametrize("name", ["../a.json", "a/b.json", ".a.json", "", "a", "/etc/passwd.json"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileUnusable, match="no account file is called"):
        save(tmp_path, name, CLAUDE)
    with pytest.raises(FileUnusable, match="no account file is called"):
        remove(tmp_path, name)


def test_an_account_is_removed_once(tmp_path: Path) -> None:
    write(tmp_path, NAME, CLAUDE)
    assert [remove(tmp_path, NAME), remove(tmp_path, NAME)] == [True, False]


def test_new_tokens_are_members() -> None:
    tokens = Tokens(Secret("a"), Secret("r"), Secret("i"), expires_at=END)
    assert token_fields(tokens, now=END - 3600) == {
        "access_token": "a",
        "refresh_token": "r",
        "id_token": "i",
        "expired": "2026-01-31T12:00:00Z",
        "last_refresh": "2026-01-31T11:00:00Z",
    }


def test_tokens_that_were_not_given_are_no_members() -> None:
    assert token_fields(Tokens(Secret("a")), now=END) == {"access_token": "a", "last_refresh": "2026-01-31T12:00:00Z"}
