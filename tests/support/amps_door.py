"""Amp's door in a site in memory: a client's connection before it, and the control plane's answers behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.python.failure import Failure

from cliproxy.amp.module import AmpModule
from cliproxy.config.schema import Access, Amp
from cliproxy.modules import Errand, Reply
from cliproxy.secret import Secret
from tests.support.amp import AMP_KEY
from tests.support.http import LOCAL, Client, FakeHouse
from tests.support.passing import Told

CONTROL_PLANE = "https://amp.example"


def answer() -> Told:
    """What the control plane answers if nothing else is wanted."""
    return Told(200, ("Content-Type", "application/json"), ("Content-Length", "11"), body=b'{"ok":true}', whole=True)


class AmpHouse(FakeHouse):
    """Serves some models; the control plane answers as it is told to, or with an error."""

    def __init__(
        self, models: Sequence[str] = ("claude-opus-4-5", "gpt-5.5"), told: Reply | Exception | None = None
    ) -> None:
        super().__init__(body_limit=1024 * 1024)
        self.model_names = models
        self.told = told

    def serves(self, model: str) -> bool:
        return model in self.model_names or model.partition("(")[0] in self.model_names

    def pass_on(self, errand: Errand) -> Deferred[Reply]:
        super().pass_on(errand)
        answered: Deferred[Reply] = Deferred()
        if isinstance(self.told, Exception):
            answered.errback(Failure(self.told))
        else:
            answered.callback(self.told or answer())
        return answered


WITH_CONTROL_PLANE = Amp(upstream_url=CONTROL_PLANE, upstream_api_key=Secret(AMP_KEY))


class Door(Client):
    """A client before Amp's door."""

    def __init__(
        self,
        settings: Amp = WITH_CONTROL_PLANE,
        house: AmpHouse | None = None,
        access: Access | None = None,
        peer: IAddress = LOCAL,
        home: Path = Path("/nobody's"),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.amp = AmpModule(environ or {}, lambda: home)
        self.amp_house = house or AmpHouse()
        super().__init__(self.amp_house, access, peer, modules=[self.amp])
        self.amp.reconfigure(settings)

    @property
    def errand(self) -> Errand:
        """The one request that went to the control plane."""
        (errand,) = self.amp_house.errands
        return errand

    def sent(self, name: str) -> list[bytes]:
        """The values of that header's lines in it."""
        return [value for given, value in self.errand.headers if given == name.encode()]
