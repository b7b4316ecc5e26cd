"""Which key the control plane is shown."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from cliproxy.amp.secrets import FILE_SECONDS, KEY_VARIABLE, MAX_FILE_BYTES, SECRETS_FILE, UpstreamKeys
from cliproxy.config.schema import Amp, UpstreamKeyOf
from cliproxy.secret import Secret

AMPCODE = "https://ampcode.com"
MEMBER = "apiKey@https://ampcode.com/"


def write(home: Path, content: Mapping[str, object] | bytes) -> Path:
    file = home / SECRETS_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return file


def keys(
    home: Path, settings: Amp | None = None, environ: Mapping[str, str] | None = None, url: str = AMPCODE
) -> UpstreamKeys:
    found = UpstreamKeys({} if environ is None else environ, lambda: home)
    found.reconfigure(settings or Amp(upstream_url=url))
    return found


def key(source: UpstreamKeys, now: float = 0.0, client: str | None = None) -> str | None:
    found = source.key_for(None if client is None else Secret(client), now)
    return None if found is None else found.reveal()


def configured(text: str) -> Amp:
    return Amp(upstream_url=AMPCODE, upstream_api_key=Secret(text))


# -- precedence


@pytest.mark.parametrize(
    ("config", "environment", "file", "expected"),
    [
        ("of-config", "of-environment", "of-file", "of-config"),
        (None, "of-environment", "of-file", "of-environment"),
        (None, None, "of-file", "of-file"),
        (None, None, None, None),
        ("   ", "of-environment", "of-file", "of-environment"),
        ("", " \t\n", "of-file", "of-file"),
        ("  ", "  ", "   ", None),
        ("  of-config\n", None, None, "of-config"),
        (None, " of-environment ", None, "of-environment"),
        (None, None, " of-file\n", "of-file"),
    ],
)
def test_configuration_goes_before_environment_before_file(
    tmp_path: Path, config: str | None, environment: str | None, file: str | None, expected: str | None
) -> None:
    if file is not None:
        write(tmp_path, {MEMBER: file})
    environ = {} if environment is None else {KEY_VARIABLE: environment}
    settings = Amp(upstream_url=AMPCODE) if config is None else configured(config)
    assert key(keys(tmp_path, settings, environ)) == expected


def test_a_clients_own_key_goes_before_all(tmp_path: Path) -> None:
    settings = Amp(
        upstream_url=AMPCODE,
        upstream_api_key=Secret("of-config"),
        upstream_api_keys=(UpstreamKeyOf(Secret("of-ada"), frozenset({Secret("sk-ada")})),),
    )
    assert key(keys(tmp_path, settings), client="sk-ada") == "of-ada"


@pytest.mark.parametrize("client", [None, "sk-bob"])
def test_a_client_without_one_has_the_common_key(tmp_path: Path, client: str | None) -> None:
    settings = Amp(
        upstream_url=AMPCODE,
        upstream_api_key=Secret("of-config"),
        upstream_api_keys=(UpstreamKeyOf(Secret("of-ada"), frozenset({Secret("sk-ada")})),),
    )
    assert key(keys(tmp_path, settings), client=client) == "of-config"


def test_of_two_rows_for_a_client_the_first_counts(tmp_path: Path) -> None:
    client = frozenset({Secret("sk-ada")})
    rows = (UpstreamKeyOf(Secret("first"), client), UpstreamKeyOf(Secret("second"), client))
    assert key(keys(tmp_path, Amp(upstream_url=AMPCODE, upstream_api_keys=rows)), client="sk-ada") == "first"


def test_a_row_that_is_gone_after_a_reload_is_gone(tmp_path: Path) -> None:
    rows = (UpstreamKeyOf(Secret("of-ada"), frozenset({Secret("sk-ada")})),)
    source = keys(tmp_path, Amp(upstream_url=AMPCODE, upstream_api_keys=rows))
    source.reconfigure(configured("of-config"))
    assert key(source, client="sk-ada") == "of-config"


def test_a_row_with_a_blank_key_counts_for_nothing(tmp_path: Path) -> None:
    rows = (UpstreamKeyOf(Secret("  "), frozenset({Secret("sk-ada")})),)
    settings = Amp(upstream_url=AMPCODE, upstream_api_key=Secret("of-config"), upstream_api_keys=rows)
    assert key(keys(tmp_path, settings), client="sk-ada") == "of-config"


# -- the file


def test_a_missing_file_is_no_key_and_no_line_in_the_log(tmp_path: Path, logged: list[str]) -> None:
    assert key(keys(tmp_path)) is None
    assert logged == []


def test_a_missing_member_is_no_key_and_no_line_in_the_log(tmp_path: Path, logged: list[str]) -> None:
    write(tmp_path, {"apiKey@https://elsewhere.example/": "other"})
    assert key(keys(tmp_path)) is None
    assert logged == []


def test_a_home_that_nobody_knows_is_no_key(tmp_path: Path) -> None:
    def homeless() -> Path:
        raise RuntimeError("no home")

    source = UpstreamKeys({}, homeless)
    source.reconfigure(Amp(upstream_url=AMPCODE))
    assert key(source) is None


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"apiKey@https://ampcode.com/": 5}',
        b"[" * 5000,
        bytes(MAX_FILE_BYTES + 1),
    ],
)
def test_a_file_that_says_nothing_of_use_is_no_key_and_told_once(
    tmp_path: Path, logged: list[str], content: bytes
) -> None:
    write(tmp_path, content)
    source = keys(tmp_path)
    assert [key(source, now) for now in (0.0, 1.0, FILE_SECONDS - 1)] == [None, None, None]
    assert len(logged) == 1


def test_the_log_holds_nothing_of_the_file(tmp_path: Path, logged: list[str]) -> None:
    write(tmp_path, b'{"apiKey@https://ampcode.com/": "sgamp_secret"')
    key(keys(tmp_path))
    assert "sgamp" not in "".join(logged)


def test_a_fifo_is_not_waited_for(tmp_path: Path, logged: list[str]) -> None:
    file = tmp_path / SECRETS_FILE
    file.parent.mkdir(parents=True)
    os.mkfifo(file)
    assert key(keys(tmp_path)) is None
    assert "no regular file" in logged[0]


def test_a_directory_is_no_file(tmp_path: Path, logged: list[str]) -> None:
    (tmp_path / SECRETS_FILE).mkdir(parents=True)
    assert key(keys(tmp_path)) is None
    assert len(logged) == 1


def test_a_file_in_the_place_of_a_directory_is_none(tmp_path: Path) -> None:
    (tmp_path / SECRETS_FILE.parts[0]).write_bytes(b"")
    assert key(keys(tmp_path)) is None


# -- how long its answer holds


def test_the_answer_holds_for_five_minutes(tmp_path: Path) -> None:
    file = write(tmp_path, {MEMBER: "first"})
    source = keys(tmp_path)
    key(source, 1000.0)
    file.write_text(json.dumps({MEMBER: "second"}))
    assert key(source, 1000.0 + 299.9) == "first"
    assert key(source, 1000.0 + 300.0) == "second"


def test_that_there_is_none_holds_as_long(tmp_path: Path) -> None:
    source = keys(tmp_path)
    assert key(source, 1000.0) is None
    write(tmp_path, {MEMBER: "late"})
    assert key(source, 1299.9) is None
    assert key(source, 1300.0) == "late"


def test_that_it_is_broken_holds_as_long(tmp_path: Path) -> None:
    write(tmp_path, b"{")
    source = keys(tmp_path)
    assert key(source, 1000.0) is None
    write(tmp_path, {MEMBER: "mended"})
    assert key(source, 1299.9) is None
    assert key(source, 1300.0) == "mended"


def test_a_reload_has_it_read_again(tmp_path: Path) -> None:
    file = write(tmp_path, {MEMBER: "first"})
    source = keys(tmp_path)
    key(source)
    file.write_text(json.dumps({MEMBER: "second"}))
    source.reconfigure(Amp(upstream_url=AMPCODE))
    assert key(source) == "second"


def test_a_clock_that_was_set_back_has_it_read_again(tmp_path: Path) -> None:
    file = write(tmp_path, {MEMBER: "first"})
    source = keys(tmp_path)
    key(source, 1_000_000.0)
    file.write_text(json.dumps({MEMBER: "second"}))
    assert key(source, 5.0) == "second"


def test_the_environment_is_looked_at_each_time(tmp_path: Path) -> None:
    environ: dict[str, str] = {}
    source = keys(tmp_path, environ=environ)
    assert key(source) is None
    environ[KEY_VARIABLE] = "of-environment"
    assert key(source) == "of-environment"


# -- whose key it is


@pytest.mark.parametrize(
    "url",
    [
        "https://amp.example",
        "http://ampcode.com",
        "https://ampcode.com:8443",
        "https://ampcode.com.evil.example",
        "https://www.ampcode.com",
        "https://evil.example/ampcode.com",
        "https://[",
        "ftp://ampcode.com",
        "",
    ],
)
def test_the_key_for_one_host_is_shown_to_no_other(tmp_path: Path, url: str) -> None:
    write(tmp_path, {MEMBER: "of-ampcode"})
    assert key(keys(tmp_path, url=url)) is None


@pytest.mark.parametrize("url", ["https://ampcode.com:443", "HTTPS://AmpCode.com", "https://ampcode.com/below"])
def test_the_same_host_may_be_written_otherwise(tmp_path: Path, url: str) -> None:
    write(tmp_path, {MEMBER: "of-ampcode"})
    assert key(keys(tmp_path, url=url)) == "of-ampcode"


@pytest.mark.parametrize(
    ("url", "member"),
    [
        ("http://localhost:7000", "apiKey@http://localhost:7000/"),
        ("http://[::1]:7000", "apiKey@http://[::1]:7000/"),
        ("https://amp.example/team", "apiKey@https://amp.example/team/"),
    ],
)
def test_another_control_plane_has_a_member_of_its_own(tmp_path: Path, url: str, member: str) -> None:
    write(tmp_path, {member: "its-own", MEMBER: "of-ampcode"})
    assert key(keys(tmp_path, url=url)) == "its-own"


def test_a_paths_own_member_goes_before_its_hosts(tmp_path: Path) -> None:
    write(tmp_path, {"apiKey@https://amp.example/": "host", "apiKey@https://amp.example/team/": "path"})
    assert key(keys(tmp_path, url="https://amp.example/team")) == "path"


# -- keys that are none


@pytest.mark.parametrize("text", ["two words", "line\nbreak", "\u00e4", "nul\0", "\udc80", "tab\tinside"])
def test_what_cannot_stand_in_a_header_is_left_out(tmp_path: Path, logged: list[str], text: str) -> None:
    source = keys(tmp_path, environ={KEY_VARIABLE: text})
    assert key(source) is None
    assert key(source) is None
    assert len(logged) == 1
    assert text not in logged[0]


def test_a_key_of_the_file_that_cannot_stand_in_a_header_is_left_out(tmp_path: Path, logged: list[str]) -> None:
    write(tmp_path, {MEMBER: "a\r\nX-Evil: 1"})
    assert key(keys(tmp_path)) is None
    assert "Evil" not in "".join(logged)


def test_no_key_is_in_a_representation(tmp_path: Path) -> None:
    source = keys(tmp_path, configured("sgamp_configured_key"))
    key(source)
    assert "configured_key" not in repr(source) + repr(vars(source))
