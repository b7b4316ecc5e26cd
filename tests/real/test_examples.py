"""What the docs tell a newcomer to type works as it stands."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.real.conftest import CLIENT_KEY
from tests.support.processes import CLIPROXY, ROOT, Process, environment

ADDRESS: Final = "http://127.0.0.1:8317"
"""As the docs write it."""


def blocks(name: str, language: str) -> list[str]:
    """The code of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / name).read_text(), re.MULTILINE | re.DOTALL)


def commands(name: str) -> list[str]:
    """The requests by curl."""
    return [command for block in blocks(name, "sh") for command in block.split("\n\n") if command.startswith("curl")]


CURLS: Final = [*commands("README.md"), *commands("docs/translation.md")]
PROGRAMS: Final = blocks("docs/clients/sdk.md", "python")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The daemon that `make run` starts."""
    directory = tmp_path_factory.mktemp("daemon")
    (directory / "config.yaml").write_text(json.dumps({"port": 0, "api-keys": [CLIENT_KEY], "auth-dir": "."}))
    with Process((*CLIPROXY, "run", "--demo", "--config", "config.yaml"), directory) as daemon:
        yield daemon.url


def test_each_format_has_its_example() -> None:
    asked = " ".join(commands("README.md"))
    assert all(path in asked for path in ("/v1/messages", "/v1/chat/completions", "/v1/responses", ":generateContent"))


@pytest.mark.parametrize("command", CURLS)
def test_a_request_by_curl_is_answered(command: str, url: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl")
    asked = command.replace(ADDRESS, url).replace("curl ", "curl --silent --fail-with-body --max-time 20 ", 1)
    done = subprocess.run(
        ["sh", "-c", asked], env=environment(KEY=CLIENT_KEY), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "This is the demo upstream" in done.stdout


@pytest.mark.parametrize("program", PROGRAMS, ids=["anthropic", "openai", "google"])
def test_a_program_with_an_sdk_runs(program: str, url: str, tmp_path: Path) -> None:
    source = f"KEY = {CLIENT_KEY!r}\n{program.replace(ADDRESS, url)}"
    done = subprocess.run([sys.executable, "-c", source], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_codexs_file_can_be_read() -> None:
    (text,) = blocks("docs/clients/codex.md", "toml")
    file = tomllib.loads(text)
    assert file["model_providers"][file["model_provider"]]["base_url"] == f"{ADDRESS}/v1"
