"""Daemons and upstreams as processes. All that is here takes real sockets: every test is marked `real`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.control_plane import ControlPlane, control_plane
from tests.support.processes import ANYWHERE, CLIPROXY, Process, environment
from tests.support.sdks import UPSTREAMS, Proxy, running

Start = Callable[..., Process]
Write = Callable[..., Path]

CLIENT_KEY = "sk-cliproxy-of-a-client-0123456789"
UPSTREAM_KEY = "sk-ant-api03-of-an-account-0123456789"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.real)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts processes, which do not outlive the test: `start(*argv, pass_fds=(), VARIABLE="of its environment")`."""
    with ExitStack() as running:

        def started(*argv: str, pass_fds: tuple[int, ...] = (), **variables: str) -> Process:
            process = Process(argv, tmp_path, environment(HOME=str(tmp_path), **variables), pass_fds)
            return running.enter_context(process)

        yield started


@pytest.fixture(scope="session")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a demo upstream; what it does wrong is asked for by directives in the messages."""
    with Process((*CLIPROXY, "demo", "--listen", ANYWHERE), tmp_path_factory.mktemp("upstream")) as process:
        yield process.url


@pytest.fixture
def write(tmp_path: Path, upstream: str) -> Write:
    """Writes the configuration of a daemon with one client key and one upstream, and what is given over it."""

    def written(path: Path = tmp_path / "config.yaml", **more: Any) -> Path:
        values = {
            "port": 0,
            "api-keys": [CLIENT_KEY],
            "claude-api-key": [
                {"api-key": UPSTREAM_KEY, "base-url": upstream, "models": [{"name": "demo"}]},
            ],
            **{name.replace("_", "-"): value for name, value in more.items()},
        }
        path.write_text(json.dumps(values))  # JSON is YAML
        return path

    return written


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    """A daemon with upstreams of all four formats."""
    with running() as proxy:
        yield proxy


@pytest.fixture(params=UPSTREAMS)
def model(request: pytest.FixtureRequest) -> str:
    """By which an upstream of each format is asked."""
    return str(request.param)


@pytest.fixture(params=[False, True], ids=["plain", "stream"])
def streamed(request: pytest.FixtureRequest) -> bool:
    """Whether the SDK asks for a stream."""
    return bool(request.param)


@pytest.fixture(scope="module")
def a_plane() -> Iterator[ControlPlane]:
    """A stand-in for Amp's service, for all tests of a module."""
    with control_plane() as plane:
        yield plane


@pytest.fixture
def plane(a_plane: ControlPlane) -> ControlPlane:
    """It remembers nothing of earlier tests."""
    a_plane.forget()
    return a_plane
