"""The tests mirror the package: each source file has a test file of its name, and each test file its source."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]

UNTESTED: Final[Mapping[str, str]] = {
    "cliproxy/__main__.py": "two lines, run by tests/real",
    "cliproxy/config/schema.py": "values without behaviour; test_loader.py tells what becomes of a file",
    "cliproxy/config/document.py": "seen through its one user, in test_loader.py",
    "cliproxy/config/readers.py": "seen through its one user, in test_loader.py",
    "cliproxy/config/addresses.py": "seen through its one user, in test_loader.py",
    "cliproxy/config/problems.py": "seen through its one user, in test_loader.py",
    "cliproxy/demo/answer.py": "seen through the agent and the server",
    "cliproxy/demo/replies.py": "a vocabulary, seen wherever the demo answers",
    "cliproxy/demo/settings.py": "values, checked in test_faults.py and by the command line",
}
"""Source files without a test file of their own, and why."""

FREE_ROOMS: Final = ("repo", "real", "laws", "machines", "flow", "behaviours")
"""Tests of no single file: habits of the repo, processes, laws, state machines, whole ways through the program, and
what users rely on."""
FREE_FILES: Final[Mapping[str, str]] = {
    "tests/demo/test_docs.py": "holds docs/demo.md to the demo",
}

SOURCES: Final = sorted(path for path in (ROOT / "cliproxy").rglob("*.py") if path.name != "__init__.py")
TESTS: Final = sorted((ROOT / "tests").rglob("test_*.py"))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def mirror_of(source: str) -> str:
    room, _, file = source.removeprefix("cliproxy/").rpartition("/")
    return "/".join(filter(None, ("tests", room, f"test_{file}")))


def source_of(test: str) -> str:
    room, _, file = test.removeprefix("tests/").rpartition("/")
    return "/".join(filter(None, ("cliproxy", room, "__init__.py" if file == "test_init.py" else file[5:])))


def test_each_source_file_has_its_test() -> None:
    sources = [name(path) for path in SOURCES if name(path) not in UNTESTED]
    assert [source for source in sources if not (ROOT / mirror_of(source)).is_file()] == []


def test_each_test_file_has_its_source() -> None:
    tests = [name(path) for path in TESTS if path.parts[len(ROOT.parts) + 1] not in FREE_ROOMS]
    assert [test for test in tests if test not in FREE_FILES and not (ROOT / source_of(test)).is_file()] == []


@pytest.mark.parametrize("source", UNTESTED)
def test_an_exception_is_needed(source: str) -> None:
    assert (ROOT / source).is_file()
    assert not (ROOT / mirror_of(source)).exists()


def test_the_names_are_told_apart_by_room() -> None:
    assert mirror_of("cliproxy/web/site.py") == "tests/web/test_site.py"
    assert mirror_of("cliproxy/exchange.py") == "tests/test_exchange.py"
    assert source_of("tests/web/test_site.py") == "cliproxy/web/site.py"
    assert source_of("tests/test_init.py") == "cliproxy/__init__.py"


def test_tests_are_no_package() -> None:
    """With an `__init__.py` two test files of one name in different rooms would be taken for one."""
    assert list((ROOT / "tests").rglob("__init__.py")) == []
