"""The demo as a process, for the vendors' SDKs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.processes import ANYWHERE, CLIPROXY, Process


@pytest.fixture(scope="session")
def demo_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a demo upstream listens on loopback."""
    with Process((*CLIPROXY, "demo", "--listen", ANYWHERE), tmp_path_factory.mktemp("demo")) as process:
        yield process.url
