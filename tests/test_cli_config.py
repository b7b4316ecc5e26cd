"""The configuration that a verb goes by."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from cliproxy.cli_config import load_config
from cliproxy.config.schema import Config


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_one_named_counts(here: Path) -> None:
    (here / "config.yaml").write_text("port: 1\n")
    (here / "other.yaml").write_text("port: 2\n")
    assert load_config("other.yaml").config.listening.port == 2


def test_else_the_one_that_lies_here_does(here: Path) -> None:
    (here / "config.yaml").write_text("port: 1\n")
    assert load_config(None).config.listening.port == 1


def test_without_any_the_defaults_do() -> None:
    assert load_config(None).config.listening == Config().listening


def test_one_that_is_named_must_be_there() -> None:
    with pytest.raises(click.ClickException):
        load_config("other.yaml")


def test_the_first_problem_is_told_with_the_way_to_all_of_them(here: Path) -> None:
    (here / "config.yaml").write_text("port: many\nhost: {}\n")
    with pytest.raises(click.ClickException, match=r"`cliproxy check config\.yaml` shows all that is wrong"):
        load_config(None)
