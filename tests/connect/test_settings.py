"""Where a user's files are, and what does not print."""

from __future__ import annotations

from pathlib import Path

from cliproxy.connect.settings import Daemon, File, Home, Listed, Setup
from cliproxy.secret import Secret

HOME = Path("/home/me")


def test_a_variable_names_a_directory() -> None:
    assert Home(HOME, {"CODEX_HOME": "/srv/codex"}).under("CODEX_HOME", ".codex") == Path("/srv/codex")


def test_without_the_variable_the_directory_is_below_the_home() -> None:
    assert Home(HOME, {"CODEX_HOME": ""}).under("CODEX_HOME", ".codex") == HOME / ".codex"


def test_of_several_files_the_first_that_is_there_is_taken() -> None:
    home = Home(HOME, exists=lambda place: place.name != "a")
    assert home.first(Path("a"), Path("b"), Path("c")) == Path("b")


def test_of_several_that_are_not_there_the_first_is_taken() -> None:
    assert Home(HOME, exists=lambda _: False).first(Path("a"), Path("b")) == Path("a")


def test_no_key_is_shown() -> None:
    key = "sk-cliproxy-secret"
    values = (
        Daemon("http://x", Secret(key)),
        File(HOME, "json", {"key": key}),
        Listed(f"A={key}"),
        Setup("check", environment={"A": key}, steps=(f"Type {key}",)),
        Home(HOME, {"A": key}),
    )
    assert not any(key in repr(value) for value in values)
