"""What is said of the directory of account files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cliproxy.config.auth_dir import remarks


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "accounts"
    made.mkdir(mode=0o700)
    return made


def test_a_directory_that_is_not_there_is_no_news(tmp_path: Path) -> None:
    assert remarks(str(tmp_path / "none")) == ()


def test_an_empty_one_of_ones_own_is_no_news(directory: Path) -> None:
    assert remarks(str(directory)) == ()


def test_a_file_is_not_a_directory(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    assert remarks(str(path)) == (f"auth-dir: {path} is not a directory.",)


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o777])
def test_one_that_others_may_enter_is_told(directory: Path, mode: int) -> None:
    directory.chmod(mode)
    (told,) = remarks(str(directory))
    assert "open to other users" in told


def test_what_is_in_it_is_the_business_of_those_who_read_it(directory: Path) -> None:
    (directory / "claude-a.json").write_text("garbage")
    assert remarks(str(directory)) == ()


def test_the_home_directory_may_be_abbreviated(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(directory.parent))
    directory.chmod(0o755)
    assert str(directory) in remarks(f"~{os.sep}{directory.name}")[0]


def test_a_path_that_cannot_be_one_is_told(directory: Path) -> None:
    (told,) = remarks(str(directory / ("x" * 300)))
    assert "cannot be looked at" in told
