"""The installation's secret: made once, kept, and read by nobody else."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from cliproxy.config.installation import FILE_NAME, SECRET_BYTES, SecretUnusable, secret_in


def test_the_secret_is_made_once(tmp_path: Path) -> None:
    assert secret_in(str(tmp_path)) == secret_in(str(tmp_path))


def test_two_installations_have_two_secrets(tmp_path: Path) -> None:
    assert secret_in(str(tmp_path / "a")) != secret_in(str(tmp_path / "b"))


def test_it_has_as_many_bytes_as_a_key_needs(tmp_path: Path) -> None:
    assert len(secret_in(str(tmp_path))) == SECRET_BYTES


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    secret_in(str(tmp_path))
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600


def test_the_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    secret_in(str(tmp_path / "new"))
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_nothing_else_is_left_in_the_directory(tmp_path: Path) -> None:
    secret_in(str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_a_secret_of_another_length_is_not_used(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"short")
    with pytest.raises(SecretUnusable, match="remove it"):
        secret_in(str(tmp_path))


def test_a_file_in_the_directorys_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SecretUnusable, match="cannot be used"):
        secret_in(str(tmp_path / "file"))
