"""Which modules have routes: Amp's door, and those that the configuration names by their dotted path."""

from __future__ import annotations

import pytest
from twisted.logger import LogEvent

from cliproxy.config.schema import Config, NamedModule
from cliproxy.route_modules import Modules
from tests.support.route_modules import BROKEN, DEAF, HELLO, LEAVING, SCRIPT, UNMADE, Hello


def named(*paths: str, **settings: object) -> Config:
    return Config(route_modules=tuple(NamedModule(path, settings) for path in paths))


def hello_of(modules: Modules) -> Hello:
    (found,) = (module for module in modules.all if isinstance(module, Hello))
    return found


def test_amps_door_is_always_there() -> None:
    assert [module.name for module in Modules(Config()).all] == ["amp-routing"]


def test_a_named_module_stands_behind_it() -> None:
    assert [module.name for module in Modules(named(HELLO)).all] == ["amp-routing", "hello"]


@pytest.mark.parametrize("path", [UNMADE, SCRIPT, "no.such.module", "tests.support.route_modules.Nobody", "os.path"])
def test_a_module_that_cannot_be_made_is_logged_and_left_out(path: str, failures: list[LogEvent]) -> None:
    modules = Modules(named(path, HELLO))
    assert [module.name for module in modules.all] == ["amp-routing", "hello"]
    (logged,) = failures
    failures.clear()
    assert logged["path"] == path


@pytest.mark.parametrize("path", ["os.getcwd", "builtins.dict"])
def test_what_can_be_made_is_not_a_module_for_that(path: str, failures: list[LogEvent]) -> None:
    """The daemon died when it came to ask for the routes of a text, and for its name to say so."""
    modules = Modules(named(path, HELLO))
    assert [module.name for module in modules.all] == ["amp-routing", "hello"]
    (logged,) = failures
    failures.clear()
    assert logged["path"] == path


def test_a_module_is_told_its_own_settings() -> None:
    modules = Modules(named(HELLO))
    modules.reconfigure(named(HELLO, greeting="Hi"), modules.all)
    assert hello_of(modules).greeting == "Hi"


def test_a_module_without_routes_is_told_nothing() -> None:
    modules = Modules(named(BROKEN))
    modules.reconfigure(named(BROKEN, greeting="Hi"), registered=())
    assert hello_of(modules).greeting == "Nothing"


def test_a_module_that_a_reload_no_longer_names_keeps_its_settings() -> None:
    modules = Modules(named(HELLO))
    modules.reconfigure(named(HELLO, greeting="Hi"), modules.all)
    modules.reconfigure(Config(), modules.all)
    assert hello_of(modules).greeting == "Hi"


def test_a_module_that_does_not_take_its_settings_keeps_nobody_else_from_theirs(failures: list[LogEvent]) -> None:
    modules = Modules(named(DEAF, HELLO))
    modules.reconfigure(named(DEAF, HELLO, greeting="Hi"), modules.all)
    assert [module.greeting for module in modules.all if isinstance(module, Hello)] == ["Nothing", "Hi"]
    (logged,) = failures
    failures.clear()
    assert logged["module"] == "deaf"


def test_a_module_that_exits_on_its_settings_does_not_end_the_daemon(failures: list[LogEvent]) -> None:
    modules = Modules(named(LEAVING, HELLO))
    modules.reconfigure(named(LEAVING, HELLO, greeting="Hi"), modules.all)
    (logged,) = failures
    failures.clear()
    assert logged["module"] == "leaving"
