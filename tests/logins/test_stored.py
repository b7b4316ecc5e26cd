"""Files of secrets: what is read, and that a file is the old one or the new one."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from cliproxy.logins.stored import (
    MAX_FILE_BYTES,
    MAX_NAME_BYTES,
    FileUnusable,
    checked,
    editable,
    is_account,
    read_bytes,
    replace,
    rewrite,
    written,
)


def lowest_free_descriptor() -> int:
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.close(descriptor)
    return descriptor


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("name", ["claude-me@example.org.json", "ü.json", "a b.json"])
def test_an_account_has_a_name_that_ends_in_json(name: str) -> None:
    assert is_account(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".json",
        ".claude.json",
        "claude.txt",
        "installation.key",
        "state",
        "../claude.json",
        "a/b.json",
        "a\\b.json",
        "a\nb.json",
        "a\0b.json",
        "a\udcffb.json",
        "x" * MAX_NAME_BYTES + ".json",
    ],
)
def test_nothing_else_is_an_account(name: str) -> None:
    assert not is_account(name)
    with pytest.raises(FileUnusable):
        checked(name)


def test_a_file_that_is_not_there_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_bytes(tmp_path / "none.json")


def test_a_file_up_to_the_limit_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * MAX_FILE_BYTES)
    assert len(read_bytes(tmp_path / "a")) == MAX_FILE_BYTES


def test_a_larger_file_is_unusable(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * (MAX_FILE_BYTES + 1))
    with pytest.raises(FileUnusable, match="larger than 256 KiB"):
        read_bytes(tmp_path / "a")


def test_a_directory_is_no_file_and_is_not_left_open(tmp_path: Path) -> None:
    before = lowest_free_descriptor()
    with pytest.raises(FileUnusable, match="no regular file"):
        read_bytes(tmp_path)
    assert lowest_free_descriptor() == before


def test_a_fifo_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a")
    with pytest.raises(FileUnusable, match="no regular file"):
        read_bytes(tmp_path / "a")


def test_a_link_in_a_circle_is_unusable(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "a")
    with pytest.raises(FileUnusable, match="cannot be read"):
        read_bytes(tmp_path / "a")


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b"1", b"[" * 100_000, b'{"a": ' * 100_000])
def test_what_is_no_object_is_not_edited(content: bytes) -> None:
    with pytest.raises(FileUnusable):
        editable(content)


def test_an_empty_file_has_no_members() -> None:
    assert editable(b" \n") == {}


@pytest.mark.parametrize("value", ["1" * 60, "1.5", "-0.0", "null", '"é"', '"\\ud800"', "[1, {}]", "true"])
def test_what_is_not_ours_survives(value: str) -> None:
    members = editable(b'{"a": ' + value.encode() + b"}")
    assert repr(editable(written(members))) == repr(members)


def test_what_nests_too_deeply_is_not_written() -> None:
    members: dict[str, object] = {}
    for _ in range(5000):
        members = {"a": members}
    with pytest.raises(FileUnusable, match="too deeply"):
        written(members)


def test_members_keep_their_order() -> None:
    assert list(editable(written(editable(b'{"z": 1, "a": 2, "m": 3}')))) == ["z", "a", "m"]


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    replace(tmp_path / "a", b"x")
    assert mode_of(tmp_path / "a") == 0o600


def test_a_file_that_was_open_to_others_is_closed(tmp_path: Path) -> None:
    (tmp_path / "a").touch(mode=0o644)
    replace(tmp_path / "a", b"x")
    assert mode_of(tmp_path / "a") == 0o600


def test_a_file_is_replaced_and_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with (tmp_path / "a").open("rb") as before:
        replace(tmp_path / "a", b"new")
        assert before.read() == b"old"


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a").write_bytes(b"old")
    (tmp_path / "a").symlink_to(tmp_path / "there" / "a")
    replace(tmp_path / "a", b"new")
    assert (tmp_path / "a").is_symlink()
    assert (tmp_path / "there" / "a").read_bytes() == b"new"


def test_a_draft_that_comes_to_nothing_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="No space"):
        replace(tmp_path / "a", b"new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"old")]


def test_another_programs_file_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "a").chmod(0o640)
    rewrite(tmp_path / "a", b"x")
    assert mode_of(tmp_path / "a") == 0o640


def test_a_file_that_cannot_be_replaced_is_written_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that is mounted by itself into a container."""
    (tmp_path / "a").write_bytes(b"old and long")

    def refuse(*_: object) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setattr(os, "replace", refuse)
    rewrite(tmp_path / "a", b"new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"new")]


def test_a_file_whose_owner_cannot_be_kept_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CLI that could not read its own file any more would be logged out."""
    (tmp_path / "a").write_bytes(b"old")
    anothers = os.stat_result((0o100600, 0, 0, 1, 4242, 4242, 0, 0, 0, 0))

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", refuse)
    with pytest.raises(PermissionError):
        replace(tmp_path / "a", b"new", anothers)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"old")]


def test_on_a_full_disk_nothing_is_written_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="No space"):
        rewrite(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
