"""What pip makes of the tree: a wheel, an editable install, and twist knowing the plugin with either.

It takes a good twenty seconds with everything from the registry, dependencies included, so nothing is borrowed from the
environment of the tests: that their versions can be had together is part of what is tested.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

import pytest

from tests.support.processes import ANYWHERE, ROOT, Process, ask, message

pytestmark = [pytest.mark.real, pytest.mark.slow]

SHIPPED: Final = ("LICENSE", "README.md", "pyproject.toml", "setup.py", "cliproxy", "twisted")
NOT_SHIPPED: Final = shutil.ignore_patterns("__pycache__", "*.pyc", "dropin.cache", "*.egg-info", "build")


def clean_environment(home: Path) -> dict[str, str]:
    """Without this tree on the path; pip's own settings stay."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "COV_"))}
    return {**kept, "HOME": str(home), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def run(*argv: str | Path, at: Path) -> str:
    done = subprocess.run(
        argv, cwd=at, env=clean_environment(at), capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, f"{argv}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory outside the tree."""
    return tmp_path_factory.mktemp("elsewhere")


@pytest.fixture(scope="module")
def tree(place: Path) -> Path:
    """A copy of what is shipped: building leaves things lying about."""
    copy = place / "tree"
    copy.mkdir()
    for name in SHIPPED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=NOT_SHIPPED)
        else:
            shutil.copy(ROOT / name, copy)
    return copy


@pytest.fixture(scope="module")
def wheel(place: Path, tree: Path) -> Path:
    """Made from the source distribution, so that this holds all that it takes."""
    run(sys.executable, "-m", "build", "--sdist", "--outdir", place / "sdist", tree, at=place)
    (sdist,) = (place / "sdist").iterdir()
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", place / "wheels", sdist, at=place)
    (wheel,) = (place / "wheels").iterdir()
    return wheel


@pytest.fixture(scope="module")
def installed(place: Path, wheel: Path) -> Path:
    """The `bin` of a fresh environment with the wheel."""
    run(sys.executable, "-m", "venv", place / "with-wheel", at=place)
    programs = place / "with-wheel" / "bin"
    run(programs / "python", "-m", "pip", "install", "--quiet", wheel, at=place)
    return programs


@pytest.fixture(scope="module")
def editable(place: Path, tree: Path, installed: Path) -> Path:
    """The same environment with the tree in the wheel's place. Comes last in this file: the wheel is gone then."""
    pip = (installed / "python", "-m", "pip")
    run(*pip, "install", "--quiet", "setuptools>=77", at=place)
    run(*pip, "uninstall", "--quiet", "--yes", "cliproxy", at=place)
    run(*pip, "install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", tree, at=place)
    return installed


def test_the_wheel_holds_package_and_plugin_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    sources = [path.relative_to(ROOT).as_posix() for path in (ROOT / "cliproxy").rglob("*.py")]
    expected = {
        *sources,
        "cliproxy/py.typed",
        "cliproxy/shaping/capabilities.yaml",
        "twisted/plugins/cliproxy_plugin.py",
    }
    assert {name for name in names if ".dist-info/" not in name} == expected


@pytest.mark.parametrize("program", ["twist", "twistd"])
def test_the_plugin_of_the_wheel_is_found(program: str, installed: Path, place: Path) -> None:
    assert "--listen" in run(installed / program, "cliproxy", "--help", at=place)


def test_pip_finds_nothing_amiss(installed: Path, place: Path) -> None:
    assert "No broken requirements" in run(installed / "python", "-m", "pip", "check", at=place)


def test_the_installed_daemon_answers(installed: Path, place: Path) -> None:
    argv = (str(installed / "twist"), "cliproxy", "--listen", ANYWHERE)
    with Process(argv, place, clean_environment(place)) as daemon:
        assert ask(daemon.url, path="/healthz").status == 200
        assert ask(daemon.url, message()).status == 200
        assert daemon.stop() == 0


def test_every_module_of_the_wheel_finds_what_it_imports(installed: Path, place: Path) -> None:
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / "cliproxy").rglob("*.py")
        if path.name not in ("__init__.py", "__main__.py")
    ]
    run(installed / "python", "-c", f"import {', '.join(sorted(names))}", at=place)


def test_the_console_script_looks_for_accounts(installed: Path, place: Path) -> None:
    assert "No account is in" in run(installed / "cliproxy", "logins", at=place)


def test_the_console_script_tells_its_version(installed: Path, place: Path, wheel: Path) -> None:
    version = run(installed / "cliproxy", "version", at=place).strip()
    assert wheel.name.startswith(f"cliproxy-{version}-")


@pytest.mark.parametrize("program", ["twist", "twistd"])
def test_the_plugin_of_an_editable_install_is_found(program: str, editable: Path, place: Path) -> None:
    assert "--listen" in run(editable / program, "cliproxy", "--help", at=place)


def test_an_editable_install_runs_from_the_tree(editable: Path, place: Path, tree: Path) -> None:
    where = run(editable / "python", "-c", "import cliproxy; print(cliproxy.__file__)", at=place).strip()
    assert Path(where) == tree / "cliproxy" / "__init__.py"
