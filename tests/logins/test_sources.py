"""The official CLIs' files: what is read of them, and how they are left."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from cliproxy.logins.sources import SourceUnusable, default_source, read_adopted, write_adopted
from cliproxy.logins.stored import FileUnusable
from cliproxy.logins.tokens import Tokens
from cliproxy.secret import Secret
from tests.support.account_files import CLAUDE_CODE, CLAUDE_CODE_LOGIN, CODEX, CODEX_LOGIN, jwt

NEW = Tokens(Secret("new-access"), Secret("new-refresh"), Secret("new-id"), expires_at=1800000000.5)


@pytest.fixture
def claude(tmp_path: Path) -> Path:
    path = tmp_path / ".credentials.json"
    path.write_text(json.dumps(CLAUDE_CODE))
    path.chmod(0o600)
    return path


@pytest.fixture
def codex(tmp_path: Path) -> Path:
    path = tmp_path / "auth.json"
    path.write_text(json.dumps(CODEX))
    return path


def test_claude_codes_file_is_read(claude: Path) -> None:
    assert read_adopted("claude", claude) == {
        "access_token": "claude-access",
        "refresh_token": "claude-refresh",
        "expired": 1769860800000,
    }


def test_codex_file_is_read_with_what_its_id_token_tells(codex: Path) -> None:
    said = read_adopted("codex", codex)
    assert (said["refresh_token"], said["account_id"], said["email"]) == ("codex-refresh", "acc-1", "me@example.org")


def test_codex_account_is_told_by_the_id_token_if_by_nothing_else(codex: Path) -> None:
    token = jwt(**{"https://api.openai.com/auth": {"chatgpt_account_id": "acc-2"}})
    codex.write_text(json.dumps({"tokens": {"id_token": token, "access_token": "a", "refresh_token": "r"}}))
    assert read_adopted("codex", codex)["account_id"] == "acc-2"


def test_a_file_that_is_not_there_is_a_logout(tmp_path: Path) -> None:
    with pytest.raises(SourceUnusable, match="`codex login` makes it") as unusable:
        read_adopted("codex", tmp_path / "auth.json")
    assert unusable.value.gone


@pytest.mark.parametrize("said", [{}, {"OPENAI_API_KEY": "sk-x", "tokens": None}, {"tokens": {}}])
def test_a_file_without_tokens_is_a_logout(codex: Path, said: object) -> None:
    codex.write_text(json.dumps(said))
    with pytest.raises(SourceUnusable, match="holds no login") as unusable:
        read_adopted("codex", codex)
    assert unusable.value.gone


@pytest.mark.parametrize("said", ["", "{", '{"tokens": {"access_token": "a\\nb"}}', '{"tokens": {"access_token": []}}'])
def test_a_file_that_is_cut_or_garbage_is_no_logout(codex: Path, said: str) -> None:
    codex.write_text(said)
    with pytest.raises(SourceUnusable) as unusable:
        read_adopted("codex", codex)
    assert not unusable.value.gone


def test_only_two_clis_are_known(tmp_path: Path) -> None:
    with pytest.raises(FileUnusable, match="those of claude and codex can be"):
        read_adopted("kimi", tmp_path)


def test_claude_code_goes_on_with_new_tokens(claude: Path) -> None:
    assert write_adopted("claude", claude, NEW, now=0.0)
    block = {**CLAUDE_CODE_LOGIN}
    block |= {"accessToken": "new-access", "refreshToken": "new-refresh", "expiresAt": 1800000000500}
    assert json.loads(claude.read_text()) == {**CLAUDE_CODE, "claudeAiOauth": block}


def test_codex_goes_on_with_new_tokens(codex: Path) -> None:
    assert write_adopted("codex", codex, NEW, now=1769860800.0)
    tokens = {**CODEX_LOGIN, "access_token": "new-access", "refresh_token": "new-refresh", "id_token": "new-id"}
    assert json.loads(codex.read_text()) == {**CODEX, "tokens": tokens, "last_refresh": "2026-01-31T12:00:00Z"}


def test_a_refresh_token_that_was_not_renewed_stays(claude: Path) -> None:
    write_adopted("claude", claude, Tokens(Secret("new-access")), now=0.0)
    assert read_adopted("claude", claude)["refresh_token"] == "claude-refresh"


def test_the_mode_of_the_file_stays(claude: Path) -> None:
    claude.chmod(0o640)
    write_adopted("claude", claude, NEW, now=0.0)
    assert stat.S_IMODE(claude.stat().st_mode) == 0o640


def test_tokens_of_a_login_made_meanwhile_are_not_written_over(claude: Path) -> None:
    assert not write_adopted("claude", claude, NEW, now=0.0, spent=Secret("an-older-one"))
    assert read_adopted("claude", claude)["access_token"] == "claude-access"


def test_tokens_are_written_over_those_they_were_given_for(claude: Path) -> None:
    assert write_adopted("claude", claude, NEW, now=0.0, spent=Secret("claude-refresh"))


def test_a_file_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    with pytest.raises(SourceUnusable):
        write_adopted("claude", tmp_path / "none", NEW, now=0.0)
    assert list(tmp_path.iterdir()) == []


def test_the_environment_may_move_a_clis_home() -> None:
    assert default_source("codex", {"CODEX_HOME": "/elsewhere"}) == Path("/elsewhere/auth.json")


def test_a_clis_home_is_in_the_users(empty_home: Path) -> None:
    assert default_source("claude", {}) == empty_home / ".claude" / ".credentials.json"
