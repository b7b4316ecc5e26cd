"""The daemon as a program: what `twist cliproxy`, `twistd cliproxy` and `cliproxy run` have in common.

The only importer of the global reactor. A program may do what a library must not: install signal handlers, write to
stderr, exit.
"""

from __future__ import annotations

import gc
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, NoReturn, cast

import attrs
from twisted.application.service import IService, MultiService, Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorCore, IReactorFromThreads, IReactorTime
from twisted.logger import Logger
from twisted.python import usage
from twisted.python.failure import Failure

from cliproxy import __version__, systemd
from cliproxy.config.auth_dir import remarks
from cliproxy.config.installation import SecretUnusable, secret_in
from cliproxy.config.loader import ConfigInvalid, ConfigUnreadable, Loaded, load
from cliproxy.config.schema import Config
from cliproxy.config.watcher import Watcher
from cliproxy.observe import logs
from cliproxy.threads import in_threads

if TYPE_CHECKING:
    from cliproxy.daemon import Daemon
    from cliproxy.demo.settings import DemoSettings


class Options(usage.Options):
    """Options of `twist cliproxy` and `twistd cliproxy`."""

    synopsis = "[options]"
    longdesc = "One endpoint for every coding CLI and SDK. Without --config the built-in demo upstream serves."
    optFlags: ClassVar = [["demo", None, "Let the built-in demo upstream serve too."]]
    optParameters: ClassVar = [["config", "c", None, "The configuration file, a config.yaml."]]

    def __init__(self) -> None:
        super().__init__()
        self["listen"] = []

    def opt_listen(self, endpoint: str) -> None:
        """Listen at this Twisted endpoint instead of the configured host and port; may be given more than once."""
        self["listen"].append(endpoint)


def makeService(options: Options) -> IService:
    """The program, ready to be started. Exits with status 1 and one clear line if it cannot be."""
    from twisted.internet import reactor

    return Program(options["config"], options["listen"], options["demo"], reactor)


class Program(MultiService):
    """The daemon, its configuration file, its signals, and what systemd is told."""

    _log: ClassVar[Logger] = Logger()

    def __init__(self, path: str | None, listen: list[str], demo: bool, reactor: IReactorCore) -> None:
        super().__init__()
        self.setName("cliproxy")
        self._reactor = reactor
        self._demo = demo or path is None
        self._path = path
        loaded = _load_or_exit(path)
        self.daemon = self._make_daemon(self._with_demo(loaded.config), listen)
        self.daemon.setServiceParent(self)
        self._why_not_listening = ""
        self._running = False
        self.daemon.listeners.listening.addCallbacks(self._listening, self._cannot_listen)
        self._first = loaded
        self._watcher: Watcher | None = None
        if path is not None:
            self._watcher = Watcher(
                path, self._reloaded, cast(IReactorTime, reactor), in_threads(reactor), in_use=loaded.digest
            )
            self._watcher.setServiceParent(self)
        Signals(reactor, self.reload).setServiceParent(self)

    def privilegedStartService(self) -> None:
        """Listen, while the process may still bind low ports."""
        super().privilegedStartService()
        self._exit_unless_listening()

    def startService(self) -> None:
        """Start, and say once what of the file has no effect."""
        _say(self._log, self._first, self._path)
        super().startService()
        self._exit_unless_listening()
        self._running = True
        # Modules live for ever; the collector need not walk over them again, a pause of milliseconds each time.
        gc.collect()
        gc.freeze()

    def stopService(self) -> Deferred[object]:
        """Tell systemd, and stop."""
        systemd.notify(systemd.STOPPING)
        return cast("Deferred[object]", super().stopService())

    def reload(self) -> None:
        """Read the configuration file again, now."""
        if self._watcher is None:
            self._log.info("nothing to reload: the daemon runs without a configuration file")
            return
        systemd.notify(systemd.reloading(time.monotonic_ns() // 1000))
        self._watcher.reload().addCallback(lambda _: systemd.notify(systemd.READY))

    def _make_daemon(self, config: Config, listen: list[str]) -> Daemon:
        from cliproxy.daemon import Daemon
        from cliproxy.listening import CannotListen, configured_endpoint, described_endpoint

        try:
            endpoints = [described_endpoint(self._reactor, text) for text in listen]
            endpoints = endpoints or [configured_endpoint(self._reactor, config.listening)]
        except CannotListen as error:
            _exit(str(error))
        off_reactor = None if self._path is None else in_threads(self._reactor)
        return Daemon(config, cast(IReactorTime, self._reactor), endpoints, self._secret(config), off_reactor)

    def _secret(self, config: Config) -> bytes:
        """The installation's, where there is one: a demo leaves nothing behind."""
        if self._path is None:
            return b""
        try:
            return secret_in(config.auth_dir)
        except SecretUnusable as unusable:
            self._log.warn("{why} Reasoning that clients hold will be of no use after a restart.", why=str(unusable))
            return b""

    def _with_demo(self, config: Config) -> Config:
        return attrs.evolve(config, demo=self._demo)

    def _reloaded(self, loaded: Loaded) -> None:
        before = self.daemon.house.config.listening
        _say(self._log, loaded, self._path)
        self.daemon.configure(self._with_demo(loaded.config))
        if loaded.config.listening != before:
            self._log.warn("host, port, tls and body-limit take effect after a restart")
        self._log.info("configuration reloaded from {path}", path=self._path)

    def _listening(self, urls: list[str]) -> list[str]:
        systemd.notify(systemd.READY)
        return urls

    def _cannot_listen(self, failure: Failure) -> list[str]:
        """Most endpoints fail at once, while services start; for one that fails later the reactor must be stopped."""
        self._why_not_listening = failure.getErrorMessage()
        if self._running:
            _complain(self._why_not_listening)
            self._reactor.addSystemEventTrigger("after", "shutdown", os._exit, 1)
            self._reactor.stop()
        return []

    def _exit_unless_listening(self) -> None:
        if self._why_not_listening:
            _exit(self._why_not_listening)


class Signals(Service):
    """SIGHUP reloads; SIGTERM stops in order and with status 0. Twisted alone would end by the signal itself."""

    def __init__(self, reactor: IReactorCore, reload: Callable[[], None]) -> None:
        self._reactor = reactor
        self._reload = reload
        self._stopping = False

    def startService(self) -> None:
        """Take the signals once the reactor runs, since it takes them itself when it begins to."""
        super().startService()
        self._reactor.callWhenRunning(self._take)

    def _take(self) -> None:
        from_signal = cast(IReactorFromThreads, self._reactor).callFromThread
        signal.signal(signal.SIGTERM, lambda *_: from_signal(self._stop))
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, lambda *_: from_signal(self._reload))

    def _stop(self) -> None:
        """Stop the reactor; asked a second time, while what is under way ends, it would raise."""
        if not self._stopping:
            self._stopping = True
            self._reactor.stop()


def _load_or_exit(path: str | None) -> Loaded:
    if path is None:
        return Loaded(Config(demo=True))
    try:
        return load(path)
    except ConfigUnreadable as error:
        _exit(str(error))
    except ConfigInvalid as error:
        first = error.problems[0].at(path)
        more = len(error.problems) - 1
        _exit(first + (f" ({more} more: `cliproxy check {path}` shows them)" if more else ""))


def _say(log: Logger, loaded: Loaded, path: str | None) -> None:
    for problem in loaded.warnings:
        log.warn("{problem}", problem=problem.at(path or ""))
    for remark in remarks(loaded.config.auth_dir) if path is not None else ():
        log.warn("{remark}", remark=remark)
    if loaded.not_in_use:
        log.info("accepted, but not in use yet: {keys}", keys=", ".join(loaded.not_in_use))


def _exit(sentence: str) -> NoReturn:
    _complain(sentence)
    raise SystemExit(1)


def _complain(sentence: str) -> None:
    """Tell the person who started the program; the log may not run yet, and twist's goes to stdout."""
    sys.stderr.write(f"cliproxy: {sentence}\n")


# -- for the console script


def run_program(path: str | None, listen: list[str], demo: bool, log_format: str) -> None:
    """Run the daemon in the foreground until a signal ends it."""
    from twisted.internet import reactor

    program = Program(path, listen, demo, reactor)
    house = program.daemon.house
    program.daemon.listeners.listening.addCallback(_greet, house.config, house.model_names)
    _run(reactor, program, log_format, house.config.debug)


def run_demo(endpoint: str, settings: DemoSettings) -> None:
    """Run the demo upstream alone."""
    from twisted.internet import reactor

    from cliproxy.demo.server import demo_site
    from cliproxy.listening import CannotListen, Listeners, described_endpoint

    try:
        listeners = Listeners([described_endpoint(reactor, endpoint)], demo_site(reactor, settings))
    except CannotListen as error:
        _exit(str(error))
    failed: list[str] = []
    listeners.listening.addErrback(lambda failure: failed.append(failure.getErrorMessage()))
    listeners.privilegedStartService()
    if failed:
        _exit(failed[0])
    _run(reactor, listeners, "text", False)


def _run(reactor: IReactorCore, service: IService, log_format: str, debug: bool) -> None:
    logs.begin(sys.stderr, log_format, debug)
    service.privilegedStartService()
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.run()
    if getattr(reactor, "_exitSignal", None) == signal.SIGINT:
        # As twist does: whoever interrupts a shell's loop wants the shell to see it.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)


def _greet(urls: list[str], config: Config, models: Sequence[str]) -> None:
    """Show a newcomer the first request. It holds a key, so it goes to a person's screen, or with the demo, no further.

    Under a service manager stdout is a log; who runs the demo there has asked for it.
    """
    if not urls or not (config.demo or sys.stdout.isatty()):
        return
    key = config.access.api_keys[0].reveal() if config.access.api_keys else ""
    model = "demo" if config.demo or not models else models[0]
    header = f" -H 'x-api-key: {key}'" if key else ""
    address, curl = _called(urls[0])
    sys.stdout.write(
        f"cliproxy {__version__}\n"
        f"  address  {address}\n"
        f"  key      {key or 'none needed from this machine'}\n"
        f"  try      {curl}/v1/messages{header} -H 'content-type: application/json'"
        f' -d \'{{"model": "{model}", "max_tokens": 200,'
        f' "messages": [{{"role": "user", "content": "Hello!"}}]}}\'\n'
    )
    sys.stdout.flush()


def _called(url: str) -> tuple[str, str]:
    """The address for clients on this machine, and how curl is told of it.

    The addresses that mean every interface are no host's name, and refused as one.
    """
    if url.startswith("unix:"):
        return url, f"curl --unix-socket {shlex.quote(url.removeprefix('unix:'))} http://localhost"
    address = url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
    return address, f"curl {address}"
