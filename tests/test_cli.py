"""The human's verbs that need no reactor: init, check, version; and how options are taken."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import cliproxy
from cliproxy.cli import main
from cliproxy.config.loader import load

pytestmark = pytest.mark.usefixtures("empty_home")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def test_version_is_the_packages() -> None:
    assert run("version").output == f"{cliproxy.__version__}\n"


def test_help_names_every_verb() -> None:
    shown = run("-h").output
    assert all(f"  {verb} " in shown for verb in main.commands)


def test_init_writes_a_sound_file_with_a_key(path: Path) -> None:
    assert run("init", str(path)).exit_code == 0
    assert len(load(str(path)).config.access.api_keys) == 1
    assert run("check", str(path)).output == f"{path} is sound.\n"


def test_init_makes_another_key_each_time(tmp_path: Path) -> None:
    keys = set()
    for name in ("one", "two"):
        run("init", str(tmp_path / name))
        keys |= set(load(str(tmp_path / name)).config.access.api_keys)
    assert len(keys) == 2


def test_init_keeps_the_file_to_its_owner(path: Path) -> None:
    run("init", str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_init_shows_no_key(path: Path) -> None:
    """The screen is read by others too, and shells keep what they show."""
    shown = run("init", str(path)).output
    (key,) = load(str(path)).config.access.api_keys
    assert key.reveal() not in shown


def test_init_never_overwrites(path: Path) -> None:
    path.write_text("mine\n")
    result = run("init", str(path))
    assert (result.exit_code, path.read_text()) == (1, "mine\n")
    assert result.stderr == f"Error: {path} is there already; it was not touched.\n"


def test_init_follows_no_link(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "elsewhere")
    assert run("init", str(path)).exit_code == 1
    assert not (tmp_path / "elsewhere").exists()


def test_init_tells_why_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run("init", str(tmp_path / "file" / "config.yaml"))
    assert result.exit_code == 1
    assert "cannot be written: Not a directory." in result.stderr


def test_check_tells_every_problem(path: Path) -> None:
    path.write_text("port: many\nrequest-retry: often\n")
    result = run("check", str(path))
    assert result.exit_code == 1
    assert [line.split(": ")[0] for line in result.output.splitlines()] == [f"{path}:1", f"{path}:2"]


def test_check_tells_warnings_and_stays_content(path: Path) -> None:
    path.write_text("prot: 8317\n")
    result = run("check", str(path))
    assert result.exit_code == 0
    assert result.output.startswith(f"warning: {path}:1: prot")
    assert result.output.endswith(f"{path} is sound.\n")


def test_check_tells_what_is_not_in_use(path: Path) -> None:
    path.write_text("request-log: true\n")
    assert "accepted, but not in use yet: request-log\n" in run("check", str(path)).output


def test_check_tells_of_a_file_that_is_not_there(path: Path) -> None:
    result = run("check", str(path))
    assert result.exit_code == 1
    assert result.stderr == f"Error: There is no file {path}.\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--log-format", "xml"),
        ("demo", "--fault", "none-such"),
        ("demo", "--fault-count", "-1"),
        ("demo", "--deltas", "0"),
        ("demo", "--delta-pause-ms", "-1"),
        ("check",),
        ("fly",),
    ],
)
def test_a_wrong_word_is_told_without_a_traceback(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code in (1, 2)
    assert "Error: " in result.stderr
    assert isinstance(result.exception, SystemExit)
