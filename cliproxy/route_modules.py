"""Which modules have routes in the daemon: Amp's door, and those that the configuration names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import ClassVar, Final, cast

import attrs
from twisted.logger import Logger
from twisted.python.reflect import namedAny

from cliproxy.amp.module import AmpModule
from cliproxy.config.schema import Config
from cliproxy.modules import FAILURES, HasRoutes, RouteModule

_MEMBERS: Final = ("name", "register", "reconfigure")


@attrs.frozen
class _Known:
    """A module, and what tells it its part of a configuration."""

    module: HasRoutes
    reconfigure: Callable[[Config], None]


class Modules:
    """All of them. One that fails is logged, and the daemon goes on without it."""

    _log: ClassVar[Logger] = Logger()

    def __init__(self, config: Config) -> None:
        amp = AmpModule()
        self._known = [_Known(amp, lambda new: amp.reconfigure(new.amp))]
        for path in dict.fromkeys(named.path for named in config.route_modules):
            try:
                self._known.append(_named(path))
            except FAILURES:
                self._log.failure("the route module {path} cannot be made", path=path)

    @property
    def all(self) -> Sequence[HasRoutes]:
        """In the order in which their routes are looked at."""
        return [known.module for known in self._known]

    def reconfigure(self, config: Config, registered: Collection[HasRoutes]) -> None:
        """Tell those that have routes what the configuration says now."""
        for known in self._known:
            if known.module not in registered:
                continue
            try:
                known.reconfigure(config)
            except FAILURES:
                self._log.failure("{module} does not take its settings", module=known.module.name)


def _named(path: str) -> _Known:
    """The module that a class or function of the owner's makes. Raises whatever that raises."""
    made = namedAny(path)()
    lacking = [name for name in _MEMBERS if not hasattr(made, name)]
    if lacking:
        raise TypeError(f"it is no route module: it has no {' and no '.join(lacking)}")
    module = cast("RouteModule[Mapping[str, object]]", made)

    def reconfigure(config: Config) -> None:
        for named in config.route_modules:
            if named.path == path:
                module.reconfigure(named.settings)

    return _Known(module, reconfigure)
