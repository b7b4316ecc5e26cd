"""The first file and its way to the disk."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import attrs
import pytest
from ruamel.yaml import YAML

from cliproxy.config.keys import KEYS
from cliproxy.config.loader import Loaded, parse
from cliproxy.config.schema import Access, Amp, Config, Payload
from cliproxy.config.template import fresh, new_client_key, write_new
from cliproxy.secret import Secret


def uncommented() -> str:
    """The template with everything in effect: a # with one space behind it begins a sentence, any other a key."""
    return re.sub(r"^#(?! \S)", "", fresh("k"), flags=re.MULTILINE)


def test_a_fresh_file_holds_the_client_key_and_defaults() -> None:
    assert parse(fresh("sk-x")) == Loaded(Config(access=Access(api_keys=(Secret("sk-x"),))))


def test_a_client_key_that_looks_like_yaml_survives() -> None:
    assert parse(fresh('a"b: *c #d\\')).config.access.api_keys == (Secret('a"b: *c #d\\'),)


def test_a_fresh_file_is_short() -> None:
    assert len(fresh("k").splitlines()) < 200


def test_all_of_it_in_effect_is_sound_and_changes_no_default() -> None:
    loaded = parse(uncommented())
    assert (loaded.warnings, loaded.not_in_use) == ((), ())
    shown = loaded.config
    assert len(shown.claude_keys) == 2
    assert Config(access=Access(api_keys=(Secret("k"),))) == attrs.evolve(
        shown,
        claude_keys=(),
        gemini_keys=(),
        vertex_keys=(),
        codex_keys=(),
        openai_compatibility=(),
        payload=Payload(),
        amp=Amp(),
        route_modules=(),
    )


def test_every_key_in_use_stands_in_it() -> None:
    written = set(re.findall(r"([a-z-]+):", uncommented()))
    wanted = {re.split(r"[.]", name)[-1].removesuffix("[]") for name, key in KEYS.items() if key.in_use}
    older_way = {
        "type",
        "generative-language-api-key",
        *(name for name in KEYS if name.startswith("amp-") and "[" not in name),
    }
    assert wanted - written == older_way


def test_the_round_trip_editor_can_read_it() -> None:
    assert YAML(typ="rt").load(fresh("k"))["api-keys"] == ["k"]


def test_client_keys_are_long_and_never_the_same() -> None:
    keys = {new_client_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(re.fullmatch(r"sk-cliproxy-[A-Za-z0-9_-]{32}", key) for key in keys)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_and_its_new_directories_are_private(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "config.yaml"
    write_new(str(path), "port: 1\n")
    assert path.read_text() == "port: 1\n"
    assert [mode(made) for made in (path, path.parent, path.parent.parent)] == [0o600, 0o700, 0o700]


def test_a_directory_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o755)
    write_new(str(tmp_path / "open" / "config.yaml"), "")
    assert mode(tmp_path / "open") == 0o755


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        write_new(str(path), "yours")
    assert path.read_text() == "mine"


def test_a_link_to_nowhere_is_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        write_new(str(path), "x")
    assert not (tmp_path / "elsewhere").exists()


def test_a_write_that_fails_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_new(str(tmp_path / "config.yaml"), "x" * 100)
    assert list(tmp_path.iterdir()) == []
