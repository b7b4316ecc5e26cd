"""The vendors behind all logins, as a process: an identity provider, and servers that take nobody's tokens but its.

    with vendors() as vendors:
        config = {"logins": vendors.logins(), ...}
        ...
        assert vendors.heard()[-1].token == "access-7"

Behind each path is a judge: it refuses a request that lacks what the vendor's protocol demands, and says hello else.
The test, in a process of its own, asks and commands it over HTTP, at paths that begin with `/-/`.
"""

from __future__ import annotations

import json
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.request import ProxyHandler, build_opener

import attrs
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from tests.support.behind import TOKEN, refuse
from tests.support.code_assist import BASE_URL as CODE_ASSIST_URL
from tests.support.code_assist import PROJECT, code_assist
from tests.support.codex_backend import ACCOUNT_ID, codex_backend
from tests.support.crossing import sent, sent_headers, stream_from, whole_from
from tests.support.house import Asked
from tests.support.identity_provider import CLIENT_ID, IdentityProvider
from tests.support.processes import Process

CLIENT_SECRET: Final = "secret-of-an-oauth-client-of-a-test"


@attrs.frozen
class Heard:
    """A request to a vendor's server, and how it was answered."""

    path: str
    token: str
    """Its bearer token."""
    headers: Mapping[str, str]
    status: int


@attrs.frozen
class Vendors:
    """All of them, from the test's side."""

    url: str

    def logins(self, **more: Mapping[str, object]) -> dict[str, dict[str, object]]:
        """The configuration's `logins`, with every address here; `more`: further fields by type of account."""
        port = free_port()
        oauth: dict[str, object] = {"client-id": CLIENT_ID, "token-url": f"{self.url}/token"}
        browser = {**oauth, "authorize-url": f"{self.url}/authorize"}
        redirected = {**browser, "callback-port": port, "redirect-uri": f"http://localhost:{port}/callback"}
        devices = f"{self.url}/api/accounts/deviceauth"
        codex = {
            "base-url": f"{self.url}/codex",
            "device-url": f"{devices}/usercode",
            "device-token-url": f"{devices}/token",
            "device-page-url": f"{self.url}/codex/device",
            "device-redirect-uri": f"{self.url}/deviceauth/callback",
        }
        device = {"device-url": f"{self.url}/device"}
        types = {
            "claude": {**redirected, "base-url": f"{self.url}/claude"},
            "codex": {**redirected, **codex},
            "gemini": {**browser, "base-url": self.url, "client-secret": CLIENT_SECRET, "callback-port": 0},
            "kimi": {**oauth, **device, "base-url": f"{self.url}/kimi"},
            "xai": {**redirected, **device, "base-url": f"{self.url}/xai"},
        }
        return {name: {**fields, **more.get(name, {})} for name, fields in types.items()}

    def set(self, **fields: object) -> None:
        """Change what the identity provider does: fields of `IdentityProvider`."""
        self._call("set", fields)

    def grant(self) -> Mapping[str, str]:
        """Tokens, as if somebody had logged in: `access_token`, `refresh_token`, `id_token`."""
        granted: Mapping[str, str] = self._call("grant")
        return granted

    def refuse(self, access_token: str) -> None:
        """Take an access token no longer."""
        self._call("refuse", access_token)

    def revoke(self, refresh_token: str) -> None:
        """Let a refresh token be refused."""
        self._call("revoke", refresh_token)

    def heard(self) -> list[Heard]:
        """What came to the vendors' servers, oldest first."""
        return [Heard(**heard) for heard in self._call("heard")]

    def asked_for(self, path: str) -> list[Mapping[str, str]]:
        """The fields of what came to the identity provider at a path, oldest first."""
        asked: list[Mapping[str, str]] = self._call("asked", path)
        return asked

    def forget(self) -> None:
        """Begin anew, but for the tokens that were given."""
        self._call("forget")

    def _call(self, what: str, argument: object = None) -> Any:
        with build_opener(ProxyHandler({})).open(f"{self.url}/-/{what}", json.dumps(argument).encode(), 20) as reply:
            return json.load(reply)


@contextmanager
def vendors() -> Iterator[Vendors]:
    """All vendors, as one process that ends with this."""
    argv = (sys.executable, "-m", "tests.support.vendors")
    with tempfile.TemporaryDirectory() as place, Process(argv, Path(place)) as process:
        yield Vendors(process.line(r"^(http://\S+)$")[1])


def free_port() -> int:
    """A port of loopback that nobody has, of either kind of address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


# -- in the process ------------------------------------------------------------------------------------------------


def _claude(asked: Asked) -> None:
    if "oauth-2025-04-20" not in sent_headers(asked).get("anthropic-beta", ""):
        refuse(asked, 401, {"type": "error", "error": {"type": "authentication_error", "message": "No OAuth here."}})
    else:
        _say_hello(asked, "anthropic")


def _say_hello(asked: Asked, wire: str) -> None:
    say = stream_from if sent(asked).get("stream") else whole_from
    say(asked, wire)


JUDGES: Final[Mapping[str, Callable[[Asked], None]]] = {
    "/claude/": _claude,
    "/codex/": codex_backend,
    "/kimi/": lambda asked: _say_hello(asked, "openai-chat"),
    "/xai/": lambda asked: _say_hello(asked, "openai-responses"),
    "/v1internal:": code_assist,
}
"""By the beginning of the path."""
OF_THE_PROVIDER: Final = ("/v1internal:loadCodeAssist", "/v1internal:onboardUser")
"""Asked when somebody logs in."""


class _Everything(Resource):
    """The provider, the vendors' servers, and the test's door. State: what was heard, and which tokens are refused."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.provider = self._provider()
        self._heard: list[Heard] = []
        self._refused: set[str] = set()

    def _provider(self) -> IdentityProvider:
        provider = IdentityProvider()
        provider.account_id, provider.project = ACCOUNT_ID, PROJECT
        provider.pending_polls, provider.onboard_polls, provider.interval = 0, 0, 1
        return provider

    def render(self, request: Request) -> int | bytes:
        path = request.uri.decode()
        if path.startswith("/-/"):
            assert request.content is not None
            return self._obey(path.removeprefix("/-/"), json.load(request.content))
        judge = next((judge for start, judge in JUDGES.items() if path.startswith(start)), None)
        if judge is None or path in OF_THE_PROVIDER:
            return self.provider.answer(request)
        return self._judged(judge, request, path)

    def _judged(self, judge: Callable[[Asked], None], request: Request, path: str) -> bytes:
        """A vendor's answer. The judges know one token, which stands for all that are good."""
        headers: Headers = request.requestHeaders
        lines = {name.decode().lower(): values[-1].decode() for name, values in headers.getAllRawHeaders()}
        scheme, _, token = lines.get("authorization", "").partition(" ")
        good = scheme == "Bearer" and self.provider.knows(token) and token not in self._refused
        told = headers.copy()
        told.setRawHeaders(b"authorization", [f"Bearer {TOKEN if good else token}".encode()])
        assert request.content is not None
        asked = Asked(Clock(), request.method, f"{CODE_ASSIST_URL}{path}".encode(), told, request.content.read())
        if good:
            judge(asked)
        else:
            refuse(asked, 401, {"error": {"type": "authentication_error", "message": f"{token} is good for nothing."}})
        answers: list[IResponse] = []
        asked.answered.addCallback(answers.append)
        (answer,) = answers
        self._heard.append(Heard(path, token, lines, answer.code))
        request.setResponseCode(answer.code)
        request.responseHeaders = answer.headers
        body = _Body()
        answer.deliverBody(body)
        return body.content

    def _obey(self, what: str, argument: Any) -> bytes:
        told: object = None
        match what:
            case "set":
                for name, value in argument.items():
                    setattr(self.provider, name, value)
            case "grant":
                grant = self.provider.grant()
                told = {
                    "access_token": grant.access_token,
                    "refresh_token": grant.refresh_token,
                    "id_token": self.provider.id_token(grant.email),
                }
            case "refuse":
                self._refused.add(argument)
            case "revoke":
                self.provider.revoke(argument)
            case "heard":
                told = [attrs.asdict(heard) for heard in self._heard]
            case "asked":
                told = [dict(asked.fields) for asked in self.provider.asked_for(argument)]
            case "forget":
                self._forget()
        return json.dumps(told).encode()

    def _forget(self) -> None:
        fresh = self._provider()
        for name in ("lifetime", "email", "pending_polls", "client_secret", "rotates"):
            setattr(self.provider, name, getattr(fresh, name))
        self.provider.asked.clear()
        self._heard.clear()


class _Body(Protocol):
    """Gathers a body that is there already."""

    def __init__(self) -> None:
        self.content = b""

    def dataReceived(self, data: bytes) -> None:
        self.content += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It is whole."""


def main(arguments: Sequence[str]) -> None:
    """Serve until somebody ends the process."""
    from twisted.internet import reactor

    everything = _Everything()
    site = Site(everything, reactor=reactor)
    site.noisy = False

    def listening(port: Any) -> None:
        everything.provider.url = f"http://127.0.0.1:{port.getHost().port}"
        print(everything.provider.url)

    TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(site).addCallback(listening)
    reactor.run()


if __name__ == "__main__":
    main(sys.argv[1:])
