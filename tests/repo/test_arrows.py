"""The arrows of docs/architecture.md that must never exist: who imports whom, wherever in a file the import stands."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs
import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGE: Final = ROOT / "cliproxy"


@attrs.frozen
class Arrow:
    """No module of `sources` imports any of `targets`. Names stand for a module and all below it."""

    sources: Sequence[str]
    targets: Sequence[str]
    but: Mapping[str, str] = attrs.field(factory=dict)
    """Modules that may, and why."""
    open_targets: Sequence[str] = ()
    """What may be imported all the same."""


PURE: Final = ("conversation", "formats", "translate", "shaping", "routing")
FORMATS: Final = ("anthropic", "openai_chat", "openai_responses", "gemini")
DOORS: Final = ("web", "amp", "management")
SERVING: Final = ("ask", "asking", "attempt", "exchange", "exchanges", "race", "stages", "telling", "waiting")
"""The story of a request, and its parts; first, what it is told by."""
ROOTS: Final = ("daemon", "house", "home", "tap")

FORBIDDEN: Final[Mapping[str, Arrow]] = {
    "the core is pure": Arrow(
        sources=[f"cliproxy.{room}" for room in PURE],
        targets=["twisted", "treq", "klein", "zope", "time", "random", "logging"],
    ),
    **{
        f"the format {name} knows no other": Arrow(
            sources=[f"cliproxy.formats.{name}"],
            targets=[f"cliproxy.formats.{other}" for other in FORMATS if other != name],
        )
        for name in FORMATS
    },
    "the older completions are a dialect of Chat, and know no other format": Arrow(
        sources=["cliproxy.formats.openai_completions"],
        targets=[f"cliproxy.formats.{other}" for other in FORMATS if other != "openai_chat"],
    ),
    "what is said is below everybody": Arrow(
        sources=["cliproxy.conversation"], targets=["cliproxy"], open_targets=["cliproxy.conversation"]
    ),
    "streaming knows neither side": Arrow(["cliproxy.streaming"], ["cliproxy.upstream", "cliproxy.web"]),
    "upstream does not choose": Arrow(["cliproxy.upstream"], ["cliproxy.routing"]),
    "upstream is handed its tokens": Arrow(["cliproxy.upstream"], ["cliproxy.logins"]),
    "logins do not choose": Arrow(["cliproxy.logins"], ["cliproxy.routing"]),
    "logins serve no requests": Arrow(
        ["cliproxy.logins"], [f"cliproxy.{name}" for name in ("web", "store", "management", *SERVING)]
    ),
    "the store knows the pool's rows alone": Arrow(
        sources=["cliproxy.store"],
        targets=["cliproxy"],
        open_targets=["cliproxy.store", "cliproxy.routing.memory", "cliproxy.threads"],
    ),
    "management is told what to show": Arrow(
        ["cliproxy.management"],
        [f"cliproxy.{name}" for name in ("routing", "logins", "store", "config", *SERVING)],
    ),
    **{
        f"the door {door} leads to the house alone": Arrow(
            sources=[f"cliproxy.{door}"],
            targets=["cliproxy.upstream", *(f"cliproxy.{other}" for other in DOORS if other != door)],
        )
        for door in DOORS
    },
    "amp's door asks the daemon for everything": Arrow(
        ["cliproxy.amp"], [f"cliproxy.{name}" for name in ("logins", "store", "routing", "translate", *SERVING[1:])]
    ),
    "the seam for modules knows nobody who is behind it": Arrow(
        ["cliproxy.modules"],
        ["klein", "treq", "cliproxy"],
        open_targets=["cliproxy.ask", "cliproxy.secret", "cliproxy.streaming.outlet"],
    ),
    "what is passed on is no service's in particular": Arrow(
        ["cliproxy.passing"],
        [
            f"cliproxy.{name}"
            for name in (*DOORS, "upstream", "logins", "store", "routing", "translate", *SERVING, "config")
        ],
    ),
    "a client's settings are known without a daemon": Arrow(
        ["cliproxy.connect"],
        ["twisted", "treq", "klein", "cliproxy"],
        open_targets=["cliproxy.connect", "cliproxy.secret", "cliproxy.config.loader", "cliproxy.__version__"],
    ),
    "modules are the house's": Arrow(
        ["cliproxy"],
        ["cliproxy.route_modules"],
        but={"cliproxy.house": "is the composition root of what is behind the doors"},
    ),
    "the composition root is nobody's part": Arrow(
        sources=["cliproxy"],
        targets=[f"cliproxy.{root}" for root in ROOTS],
        but={
            "cliproxy.home": "is the composition root of what is on disk, for the house",
            "cliproxy.daemon": "is made of both",
            "cliproxy.tap": "the program is made of the service",
            "cliproxy.cli": "its verbs start the program, and import it when they do",
            "cliproxy": "its two functions make the service, and import it when they do",
        },
    ),
    "the reactor is an argument": Arrow(
        sources=["cliproxy"],
        targets=["twisted.internet.reactor"],
        but={"cliproxy.tap": "a program chooses its reactor"},
    ),
    "observe is below everybody": Arrow(
        sources=["cliproxy.observe"],
        targets=["cliproxy"],
        open_targets=["cliproxy.observe", "cliproxy.conversation"],
    ),
    "each room takes its own section": Arrow(
        sources=["cliproxy"],
        targets=["cliproxy.config.schema.Config", "cliproxy.config.schema.*"],
        but={
            "cliproxy": "hands it from the embedding program to the service",
            "cliproxy.config": "makes it",
            "cliproxy.credentials": "is a part of the composition root",
            "cliproxy.login_credentials": "is a part of the composition root",
            "cliproxy.house": "is the composition root of what is behind the doors",
            "cliproxy.home": "is the composition root of what is on disk",
            "cliproxy.route_modules": "is a part of the composition root",
            "cliproxy.daemon": "is the composition root",
            "cliproxy.tap": "hands it from the file to the service",
        },
    ),
}

LAZY: Final = ("cliproxy", "cliproxy.cli")
"""They are imported by every user of the package or of the command; the reactor and the rooms must not come along."""
COLD: Final = ("twisted", "treq", "klein", "zope", "sqlite3")


@attrs.frozen
class Import:
    """One imported name, in full."""

    source: str
    target: str
    line: int
    lazy: bool
    """It stands in a function, or where only type checkers look."""


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(source: str, text: str, *, is_package: bool = False) -> Iterator[Import]:
    """Every import of a module, in functions and under TYPE_CHECKING too; `from a import b` imports `a.b`."""
    tree = ast.parse(text)
    lazy_nodes = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or _is_for_checkers(node)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        for target in _targets(node, source, is_package):
            assert isinstance(node, ast.stmt | ast.expr)
            yield Import(source, target, node.lineno, id(node) in lazy_nodes)


def _targets(node: ast.AST, source: str, is_package: bool) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        origin = node.module or ""
        if node.level:
            parts = source.split(".")
            package = parts[: len(parts) - node.level + is_package]
            origin = ".".join([*package, origin] if origin else package)
        yield from (f"{origin}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Call) and _callee(node).endswith(("import_module", "__import__")):
        yield from (str(argument.value) for argument in node.args[:1] if isinstance(argument, ast.Constant))


def _callee(call: ast.Call) -> str:
    return ast.unparse(call.func)


def _is_for_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def stands_in(name: str, room: str) -> bool:
    return name == room or name.startswith(f"{room}.")


def breaks(arrow_name: str, found: Import) -> bool:
    arrow = FORBIDDEN[arrow_name]
    if not any(stands_in(found.source, source) for source in arrow.sources):
        return False
    # An exception for the package itself is one for its __init__ alone.
    if any(found.source == but or (but != "cliproxy" and stands_in(found.source, but)) for but in arrow.but):
        return False
    if any(stands_in(found.target, allowed) for allowed in arrow.open_targets):
        return False
    return any(stands_in(found.target, target) for target in arrow.targets)


def brought_along(module: str, known: Collection[Import]) -> set[str]:
    """What is imported with a module, before any function is called: names of modules, and of what is in them."""
    brought: set[str] = set()
    pending = {module}
    while pending:
        name = pending.pop()
        brought.add(name)
        reached = {found.target for found in known if found.source == name and not found.lazy}
        # With `a.b.c` come `a` and `a.b`; which of these is a module does not matter, the others import nothing.
        parents = {
            ".".join(target.split(".")[:length]) for target in reached for length in range(1, target.count(".") + 2)
        }
        pending |= parents - brought
    return brought


def everything() -> Iterator[Import]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield from imports(module_name(path), path.read_text(), is_package=path.name == "__init__.py")


ALL: Final = tuple(everything())


@pytest.mark.parametrize("arrow", FORBIDDEN)
def test_the_arrow_does_not_exist(arrow: str) -> None:
    assert [f"{found.source}:{found.line} imports {found.target}" for found in ALL if breaks(arrow, found)] == []


@pytest.mark.parametrize("source", LAZY)
def test_what_everybody_imports_brings_no_twisted_and_no_rooms(source: str) -> None:
    rooms = [f"cliproxy.{room}" for room in (*ROOTS, "web", "upstream", "logins")]
    brought = brought_along(source, ALL)
    assert {name for name in brought if any(stands_in(name, cold) for cold in (*COLD, *rooms))} == set()


def test_what_comes_along_is_found_by_way_of_others() -> None:
    texts = {
        "cliproxy.cli": "from cliproxy.web import site\ndef f():\n    import treq",
        "cliproxy.web.site": "import klein",
    }
    known = [found for source, text in texts.items() for found in imports(source, text)]
    assert {"cliproxy.web.site", "klein"} < brought_along("cliproxy.cli", known)
    assert "treq" not in brought_along("cliproxy.cli", known)


def test_the_type_checkers_branch_counts_as_an_import() -> None:
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from cliproxy.routing.pool import Pool\n"
    assert [found.target for found in broken("upstream does not choose", "cliproxy.upstream.agent", text)] == [
        "cliproxy.routing.pool.Pool"
    ]


@pytest.mark.parametrize(
    ("arrow", "source", "text"),
    [
        ("the core is pure", "cliproxy.routing.pool", "import time"),
        ("the core is pure", "cliproxy.translate", "from twisted.internet.defer import Deferred"),
        ("the core is pure", "cliproxy.formats", "def f():\n    from random import random"),
        ("the core is pure", "cliproxy.shaping", "import importlib\nimportlib.import_module('logging')"),
        (
            "the format anthropic knows no other",
            "cliproxy.formats.anthropic",
            "from cliproxy.formats import openai_chat",
        ),
        ("the format anthropic knows no other", "cliproxy.formats.anthropic", "from . import openai_chat"),
        ("the format anthropic knows no other", "cliproxy.formats.anthropic", "from .openai_chat import error_body"),
        ("streaming knows neither side", "cliproxy.streaming.sink", "import cliproxy.web.site as site"),
        ("streaming knows neither side", "cliproxy.streaming.sink", "from cliproxy import upstream"),
        ("logins do not choose", "cliproxy.logins.device", "from ..routing import pool"),
        ("logins serve no requests", "cliproxy.logins.refresh", "from cliproxy.ask import Renewer"),
        ("upstream is handed its tokens", "cliproxy.upstream.accounts", "from cliproxy.logins.login import Login"),
        ("the store knows the pool's rows alone", "cliproxy.store.saver", "from cliproxy.routing.pool import Pool"),
        ("the store knows the pool's rows alone", "cliproxy.store.place", "from cliproxy.config.schema import Routing"),
        ("management is told what to show", "cliproxy.management.pages", "from cliproxy.routing.standing import Fate"),
        ("management is told what to show", "cliproxy.management.control", "from cliproxy.exchanges import Exchanges"),
        (
            "the door management leads to the house alone",
            "cliproxy.management.control",
            "from cliproxy.web import site",
        ),
        (
            "the door management leads to the house alone",
            "cliproxy.management.control",
            "import cliproxy.upstream.agent",
        ),
        ("the door web leads to the house alone", "cliproxy.web.site", "from cliproxy.amp import door"),
        ("amp's door asks the daemon for everything", "cliproxy.amp.aliases", "from cliproxy.exchange import Exchange"),
        ("modules are the house's", "cliproxy.web.site", "from cliproxy.route_modules import Modules"),
        ("the door amp leads to the house alone", "cliproxy.amp", "async def f():\n    import cliproxy.upstream.agent"),
        ("the composition root is nobody's part", "cliproxy.exchange", "from cliproxy.daemon import House"),
        ("the composition root is nobody's part", "cliproxy.web.site", "from cliproxy import tap"),
        ("the composition root is nobody's part", "cliproxy.exchanges", "from cliproxy.house import House"),
        ("the composition root is nobody's part", "cliproxy.house", "from cliproxy.home import Home"),
        ("the composition root is nobody's part", "cliproxy.cli_pool", "def f():\n    from cliproxy.home import Home"),
        ("the reactor is an argument", "cliproxy.daemon", "def f():\n    from twisted.internet import reactor"),
        ("observe is below everybody", "cliproxy.observe.logs", "from cliproxy.config.schema import Streaming"),
        ("each room takes its own section", "cliproxy.exchange", "from cliproxy.config.schema import Config"),
        ("each room takes its own section", "cliproxy.exchange", "from cliproxy.config.schema import *"),
        ("each room takes its own section", "cliproxy.status", "from cliproxy.config.schema import Config"),
        ("each room takes its own section", "cliproxy.logins.directory", "from cliproxy.config.schema import Config"),
    ],
)
def test_a_forbidden_import_is_found(arrow: str, source: str, text: str) -> None:
    assert broken(arrow, source, text)


@pytest.mark.parametrize(
    ("arrow", "source", "text"),
    [
        ("the core is pure", "cliproxy.routing.pool", "import timeit"),
        ("the core is pure", "cliproxy.exchange", "import time"),
        ("the format anthropic knows no other", "cliproxy.formats.anthropic", "from cliproxy.formats import sse"),
        ("the composition root is nobody's part", "cliproxy.cli", "def f():\n    from cliproxy.tap import run_program"),
        ("the reactor is an argument", "cliproxy.tap", "def f():\n    from twisted.internet import reactor"),
        ("observe is below everybody", "cliproxy.observe.usage", "from cliproxy.conversation import usage"),
        ("observe is below everybody", "cliproxy.observe.usage", "from cliproxy.observe import logs"),
        ("each room takes its own section", "cliproxy.exchange", "from cliproxy.config.schema import Timeouts"),
        ("each room takes its own section", "cliproxy.house", "from cliproxy.config.schema import Config"),
        (
            "the store knows the pool's rows alone",
            "cliproxy.store.saver",
            "from cliproxy.routing.memory import Changes",
        ),
        ("logins do not choose", "cliproxy.logins.issuer", "from cliproxy.upstream.accounts import Way"),
        ("the composition root is nobody's part", "cliproxy.home", "from cliproxy.house import House"),
    ],
)
def test_an_allowed_import_is_none(arrow: str, source: str, text: str) -> None:
    assert not broken(arrow, source, text)


def test_every_exception_is_in_use() -> None:
    for name, arrow in FORBIDDEN.items():
        without = attrs.evolve(arrow, but={})
        for module in arrow.but:
            reaching = [found for found in ALL if stands_in(found.source, module)]
            assert any(stands_in(found.target, target) for found in reaching for target in without.targets), (
                name,
                module,
            )


def broken(arrow: str, source: str, text: str) -> list[Import]:
    return [found for found in imports(source, text) if breaks(arrow, found)]
