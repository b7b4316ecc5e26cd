"""One look at a directory: what differs from what is known."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from cliproxy.logins import scan
from cliproxy.logins.login import Login
from cliproxy.logins.scan import Found, Look, Mark, look, mark_of
from tests.support.account_files import CLAUDE, CLAUDE_CODE, write

Known = tuple[dict[str, Mark], dict[str, Login]]


def everything(directory: Path, known: Known | None = None) -> Look:
    marks, logins = known or ({}, {})
    return look(directory, (), marks, logins, whole=True)


def known_of(found: Mapping[str, Found]) -> Known:
    marks = {name: each.mark for name, each in found.items() if each.mark is not None}
    return marks, {name: each.login for name, each in found.items() if each.login is not None}


@pytest.fixture
def known(tmp_path: Path) -> Known:
    """What is known of two good files."""
    for name in ("a.json", "b.json"):
        write(tmp_path, name, CLAUDE)
    return known_of(everything(tmp_path).found)


def test_the_first_look_finds_all(tmp_path: Path, known: Known) -> None:
    assert set(known[1]) == {"a.json", "b.json"}


def test_what_is_known_is_not_read_again(tmp_path: Path, known: Known) -> None:
    assert everything(tmp_path, known).found == {}


def test_what_has_changed_is_read(tmp_path: Path, known: Known) -> None:
    write(tmp_path, "a.json", {**CLAUDE, "note": "x"})
    found = everything(tmp_path, known).found
    assert set(found) == {"a.json"}
    login = found["a.json"].login
    assert login is not None
    assert login.note == "x"


def test_a_file_that_was_touched_says_nothing_new(tmp_path: Path, known: Known) -> None:
    os.utime(tmp_path / "a.json", (1, 1))
    assert everything(tmp_path, known).found["a.json"].login is None


def test_a_time_of_change_that_was_set_back_deceives_nobody(tmp_path: Path, known: Known) -> None:
    before = (tmp_path / "a.json").stat()
    write(tmp_path, "a.json", {**CLAUDE, "note": ""})
    os.utime(tmp_path / "a.json", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "a.json" in everything(tmp_path, known).found


def test_what_is_gone_is_found_gone(tmp_path: Path, known: Known) -> None:
    (tmp_path / "a.json").unlink()
    assert everything(tmp_path, known).found == {"a.json": Found(None)}


def test_of_a_directory_that_is_gone_all_is_gone(tmp_path: Path, known: Known) -> None:
    assert everything(tmp_path / "none", known).found == {"a.json": Found(None), "b.json": Found(None)}


def test_of_a_directory_that_cannot_be_looked_at_nothing_is_known(
    tmp_path: Path, known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> list[str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(PermissionError):
        everything(tmp_path, known)


def test_named_files_are_read_whatever_their_mark(tmp_path: Path, known: Known) -> None:
    marks, _ = known
    found = look(tmp_path, ["a.json", "none.json", "../x.json"], marks, {}, whole=False).found
    assert set(found) == {"a.json", "none.json"}


def test_a_broken_file_is_told_with_its_mark(tmp_path: Path) -> None:
    path = write(tmp_path, "a.json", "{")
    found = everything(tmp_path).found["a.json"]
    assert (found.mark, found.problem) == (mark_of(str(path)), "it is not JSON")


def test_a_file_that_cannot_be_looked_at_is_there_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.json").symlink_to(tmp_path / "a.json")
    found = everything(tmp_path).found["a.json"]
    assert found.mark == scan.UNSEEN
    assert "cannot be read" in found.problem


def test_the_source_of_an_adopted_account_is_told(tmp_path: Path) -> None:
    source = write(tmp_path / "home", "x", CLAUDE_CODE)
    write(tmp_path, "a.json", {"type": "claude", "adopted_from": str(source)})
    assert everything(tmp_path).found["a.json"].source == str(source)


def test_a_logout_is_told_with_the_source(tmp_path: Path) -> None:
    write(tmp_path, "a.json", {"type": "claude", "adopted_from": "/none"})
    found = everything(tmp_path).found["a.json"]
    assert (found.source, found.logged_out) == ("/none", True)


def test_files_beyond_the_limit_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "MAX_ACCOUNTS", 2)
    for name in ("c.json", "a.json", "b.json"):
        write(tmp_path, name, CLAUDE)
    seen = everything(tmp_path)
    assert (set(seen.found), seen.left_out) == ({"a.json", "b.json"}, 1)
    again = look(tmp_path, ["c.json"], known_of(seen.found)[0], {}, whole=False)
    assert again.found == {}
