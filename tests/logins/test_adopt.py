"""Accounts that an official CLI keeps: taken on without a copy, and renewed for both."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import pytest

from cliproxy.logins.adopt import adopt, current, keep_tokens, locked_path, park, write_adopted
from cliproxy.logins.files import FileUnusable, load, save
from cliproxy.logins.tokens import Tokens
from cliproxy.secret import Secret
from tests.support.account_files import CLAUDE, CLAUDE_CODE, CODEX, write

NEW = Tokens(Secret("new-access"), Secret("new-refresh"), expires_at=1800000000.0)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "home", ".credentials.json", CLAUDE_CODE)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "accounts"


def test_an_adopted_account_is_a_pointer_without_tokens(source: Path, directory: Path) -> None:
    name = adopt("claude", source, directory)
    assert name == "claude-cli.json"
    assert json.loads((directory / name).read_text()) == {"type": "claude", "adopted_from": str(source)}


def test_codex_tells_whose_account_it_is(tmp_path: Path, directory: Path) -> None:
    name = adopt("codex", write(tmp_path, "auth.json", CODEX), directory)
    assert load(directory / name).email == "me@example.org"


def test_adopting_again_is_the_same_account(source: Path, directory: Path) -> None:
    assert adopt("claude", source, directory) == adopt("claude", source, directory)
    assert len(list(directory.iterdir())) == 1


def test_two_homes_are_two_accounts(source: Path, tmp_path: Path, directory: Path) -> None:
    other = write(tmp_path / "other", ".credentials.json", CLAUDE_CODE)
    assert [adopt("claude", each, directory) for each in (source, other)] == ["claude-cli.json", "claude-cli-2.json"]


def test_a_file_of_that_name_that_is_no_pointer_stays(source: Path, directory: Path) -> None:
    write(directory, "claude-cli.json", CLAUDE)
    assert adopt("claude", source, directory) == "claude-cli-2.json"


def test_who_is_not_logged_in_is_not_adopted(tmp_path: Path, directory: Path) -> None:
    with pytest.raises(FileUnusable, match="`claude auth login` makes it"):
        adopt("claude", tmp_path / "none", directory)
    assert not directory.exists()


def test_what_the_cli_renewed_first_is_current(source: Path, directory: Path) -> None:
    login = load(directory / adopt("claude", source, directory))
    write_adopted("claude", source, NEW, now=0.0)
    assert current(login, directory).access_token == Secret("new-access")


def test_the_lock_is_that_of_the_file_with_the_tokens(source: Path, directory: Path) -> None:
    adopted = load(directory / adopt("claude", source, directory))
    own = load(save(directory, "own.json", CLAUDE))
    assert (locked_path(adopted, directory), locked_path(own, directory)) == (source, directory / "own.json")


def test_new_tokens_of_an_adopted_account_go_to_the_cli(source: Path, directory: Path) -> None:
    login = load(directory / adopt("claude", source, directory))
    assert keep_tokens(directory, login, NEW, now=0.0)
    assert json.loads(source.read_text())["claudeAiOauth"]["refreshToken"] == "new-refresh"
    assert "new-refresh" not in (directory / login.name).read_text()


def test_new_tokens_of_our_own_go_to_the_file_with_what_came_along(directory: Path) -> None:
    login = load(save(directory, "own.json", CLAUDE))
    assert keep_tokens(directory, login, attrs.evolve(NEW, fields={"email": "new@example.org"}), now=0.0)
    assert current(login, directory).email == "new@example.org"
    assert current(login, directory).refresh_token == Secret("new-refresh")


@pytest.mark.parametrize("adopted", [True, False])
def test_a_login_made_meanwhile_is_not_written_over(source: Path, directory: Path, adopted: bool) -> None:
    path = directory / adopt("claude", source, directory) if adopted else save(directory, "own.json", CLAUDE)
    before = attrs.evolve(load(path), refresh_token=Secret("an-older-one"))
    assert not keep_tokens(directory, before, NEW, now=0.0)
    assert current(before, directory).access_token != Secret("new-access")


def test_a_removed_account_is_not_made_again(directory: Path) -> None:
    login = load(save(directory, "own.json", CLAUDE))
    (directory / "own.json").unlink()
    assert not keep_tokens(directory, login, NEW, now=0.0)
    assert list(directory.iterdir()) == []


def test_a_parked_account_is_well_once_the_cli_has_logged_in_anew(source: Path, directory: Path) -> None:
    login = load(directory / adopt("claude", source, directory))
    park(directory, login)
    assert current(login, directory).needs_login
    write_adopted("claude", source, NEW, now=0.0)
    assert not current(login, directory).needs_login
