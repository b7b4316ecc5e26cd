"""One endpoint for every coding CLI and SDK, served from the keys and accounts its owner holds.

To mount it in a program of your own:

    proxy = cliproxy.service(config, reactor)      # an IService; `proxy.resource` is its IResource
    site = Site(cliproxy.resource(config, reactor))     # or the resource alone

`config` is the path of a config.yaml, a `cliproxy.config.schema.Config`, or None for the built-in demo upstream.
Importing this package imports no reactor and starts nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime, IStreamServerEndpoint

    from cliproxy.config.schema import Config
    from cliproxy.daemon import Daemon
    from cliproxy.web.site import Doors

__version__: Final = "0.1.0"
__all__ = ["__version__", "resource", "service"]


def service(
    config: Config | str | PathLike[str] | None,
    reactor: IReactorTime,
    endpoints: Sequence[IStreamServerEndpoint] = (),
    secret: bytes = b"",
    *,
    home: bool = False,
) -> Daemon:
    """The proxy as an `IService` that listens at `endpoints`; at none, it is there to be mounted: see its `resource`.

    Raises `ConfigUnreadable` or `ConfigInvalid`. Two of them in one reactor share nothing. `secret`: any bytes that are
    the same after a restart, so that reasoning which clients carry for other vendors stays of use. `home`: the
    directories that the configuration names are used, for accounts that were logged in to and for what is known of
    every credential; without, nothing is read there and nothing is left.
    """
    from cliproxy.daemon import Daemon
    from cliproxy.threads import in_threads

    return Daemon(_configuration(config), reactor, endpoints, secret, in_threads(reactor) if home else None)


def resource(config: Config | str | PathLike[str] | None, reactor: IReactorTime, secret: bytes = b"") -> Doors:
    """The HTTP API alone as an `IResource`, for a program that needs no orderly end of what is under way."""
    from cliproxy.house import House

    return House(_configuration(config), reactor, secret).doors


def _configuration(config: Config | str | PathLike[str] | None) -> Config:
    from cliproxy.config.loader import load
    from cliproxy.config.schema import Config

    if config is None:
        return Config(demo=True)
    return config if isinstance(config, Config) else load(str(config)).config
