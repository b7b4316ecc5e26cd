"""A daemon for the vendors' SDKs: real sockets before it, and behind it the demo in all four formats, recorded.

It runs on a reactor of its own in a thread of its own, so that blocking clients can ask it. The upstreams have the
vendors' hosts where that decides what the daemon may ask of them, but the demo answers every request in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any, Final, Literal, cast
from urllib.parse import urlsplit

import attrs
import orjson
from pydantic import BaseModel
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.selectreactor import SelectReactor
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from cliproxy.config.schema import (
    Access,
    Amp,
    ClaudeKey,
    CodexKey,
    Config,
    GeminiKey,
    KeyEntry,
    Model,
    OpenAICompatibility,
    Retrying,
    Timeouts,
)
from cliproxy.demo.agent import DemoAgent
from cliproxy.demo.answer import answer
from cliproxy.demo.faults import plain
from cliproxy.demo.replies import DemoRequest
from cliproxy.demo.settings import DemoSettings
from cliproxy.house import House
from cliproxy.secret import Secret
from cliproxy.upstream.bodies import BytesProducer
from cliproxy.upstream.transport import Transport
from cliproxy.web.channel import LimitedSite

Json = dict[str, Any]
"""A JSON object of an upstream's; what it holds is the test's to know."""

CLIENT_KEY: Final = "sk-cliproxy-of-a-client-0123456789"
DEADLINE_SECONDS: Final = 20.0
"""After so long a test has failed."""
NO_AMP: Final = Amp()
AS_WRITTEN: Final[Mapping[bytes, bytes]] = {}

MODELS: Final[Mapping[str, str]] = {
    "anthropic": "claude-sonnet-4-5",
    "openai-chat": "demo-chat",
    "openai-responses": "gpt-5.5",
    "gemini": "gemini-3-flash",
}
"""What serves each alias. The alias is the wire format of its upstream; the models are those that want most."""
UPSTREAMS: Final = tuple(MODELS)
PAIRS: Final = tuple((first, second) for first in UPSTREAMS for second in UPSTREAMS if first != second)
"""For a conversation that changes its model."""

READ_TWO: Final = '[[tool:Read {"path": "a.txt"}]][[tool:Read {"path": "b.txt"}]]'
"""Has the demo call a tool twice: one call a turn, or with `[[parallel]]` both at once."""
PATHS: Final = ("a.txt", "b.txt")
THOUGHT: Final = "there is a script for that ☕."
"""How the demo's thinking ends."""
PNG: Final = b"\x89PNG\r\n\x1a\n" + bytes(range(61))
SEEN: Final = f"I see 1 attached: image of {len(PNG)} bytes."
FAULT: Final = "The demo upstream was asked for the fault {}."


@attrs.frozen
class Figures:
    """What a reply took in tokens: everything that was read, everything that was written, and parts of them."""

    prompt: int
    completion: int
    cached: int = 0
    written: int = 0
    reasoning: int = 0


@attrs.frozen
class Asked:
    """One request as an upstream got it."""

    uri: str
    headers: Headers = attrs.field(repr=False)
    body: bytes

    @property
    def json(self) -> Json:
        return cast(Json, orjson.loads(self.body))

    def answered(self) -> Json:
        """What the demo says to it, whole: the demo says the same to the same request, and counts the same of a
        stream.
        """
        parts = urlsplit(self.uri)
        body = self.body
        if self.json.get("stream"):
            body = orjson.dumps({name: value for name, value in self.json.items() if not name.startswith("stream")})
        path = parts.path.replace(":streamGenerateContent", ":generateContent")
        headers = {
            name.decode().lower(): values[-1].decode("latin-1") for name, values in self.headers.getAllRawHeaders()
        }
        reply = answer(DemoRequest("POST", path, "", headers, body), DemoSettings())
        assert reply.status == 200, plain(reply.steps)
        return cast(Json, orjson.loads(plain(reply.steps)))


@attrs.frozen
class Proxy:
    """The daemon, where it listens, and what its upstreams were asked. State: that."""

    url: str
    asked: list[Asked]

    @property
    def last(self) -> Asked:
        """What was asked last."""
        return self.asked[-1]


@implementer(IAgent)
@attrs.frozen
class _Recorder:
    agent: DemoAgent
    asked: list[Asked]
    misread: Mapping[bytes, bytes]

    def request(
        self, method: bytes, uri: bytes, headers: Headers | None = None, bodyProducer: IBodyProducer | None = None
    ) -> Deferred[IResponse]:
        assert isinstance(bodyProducer, BytesProducer)
        content = bodyProducer.content
        self.asked.append(Asked(uri.decode(), headers or Headers(), content))
        for written, read in self.misread.items():
            content = content.replace(written, read)
        return self.agent.request(method, uri, headers, BytesProducer(content))


class _RecordedHouse(House):
    """Every way out leads to the demo."""

    def __init__(
        self, config: Config, reactor: SelectReactor, asked: list[Asked], misread: Mapping[bytes, bytes]
    ) -> None:
        self._recorder = _Recorder(DemoAgent(reactor, DemoSettings()), asked, misread)
        super().__init__(config, reactor)

    def _make_transport(self, timeouts: Timeouts) -> Transport:
        return Transport(self._reactor, lambda way: self._recorder, timeouts.first_byte_seconds)


@contextmanager
def running(amp: Amp = NO_AMP, misread: Mapping[bytes, bytes] = AS_WRITTEN) -> Iterator[Proxy]:
    """A daemon with an account for each of the four formats. None of them ever cools: each test stands for itself.

    `misread`: what the models take for something else, such as the letters of a name.
    """
    reactor = SelectReactor()
    asked: list[Asked] = []
    house = _RecordedHouse(_config(amp), reactor, asked, misread)
    ports: list[int] = []
    ready = Event()

    def listen() -> None:
        site = LimitedSite(house.doors, reactor, house.body_limit)
        port = reactor.listenTCP(0, site, interface="127.0.0.1")
        ports.append(cast(IPv4Address, port.getHost()).port)
        ready.set()

    reactor.callWhenRunning(listen)
    thread = Thread(target=reactor.run, kwargs={"installSignalHandlers": False}, daemon=True)
    thread.start()
    assert ready.wait(DEADLINE_SECONDS)
    try:
        yield Proxy(f"http://127.0.0.1:{ports[0]}", asked)
    finally:
        reactor.callFromThread(reactor.stop)
        thread.join(DEADLINE_SECONDS)
    assert not thread.is_alive()


def _config(amp: Amp) -> Config:
    key = Secret("sk-of-an-account-0123456789")
    models = {name: (Model(model, name),) for name, model in MODELS.items()}
    return Config(
        access=Access((Secret(CLIENT_KEY),)),
        claude_keys=(ClaudeKey(key, models=models["anthropic"]),),
        codex_keys=(CodexKey(key, models=models["openai-responses"]),),
        gemini_keys=(GeminiKey(key, models=models["gemini"]),),
        openai_compatibility=(
            OpenAICompatibility(
                "a-server", "https://chat.example/v1", models=models["openai-chat"], keys=(KeyEntry(key),)
            ),
        ),
        retrying=Retrying(request_retry=0, max_cooldown_seconds=0),
        amp=amp,
    )


# -- what the upstreams say, by format -----------------------------------------------------------------------------


def figures(upstream: str, asked: Asked) -> Figures:
    """What the upstream says its reply took."""
    return _FIGURES[upstream](asked.answered())


def _of_anthropic(reply: Json) -> Figures:
    usage = reply["usage"]
    cached, written = usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]
    thought = usage.get("output_tokens_details", {}).get("thinking_tokens", 0)
    return Figures(usage["input_tokens"] + cached + written, usage["output_tokens"], cached, written, thought)


def _of_chat(reply: Json) -> Figures:
    usage = reply["usage"]
    return Figures(
        usage["prompt_tokens"],
        usage["completion_tokens"],
        usage["prompt_tokens_details"]["cached_tokens"],
        reasoning=usage["completion_tokens_details"]["reasoning_tokens"],
    )


def _of_responses(reply: Json) -> Figures:
    usage = reply["usage"]
    return Figures(
        usage["input_tokens"],
        usage["output_tokens"],
        usage["input_tokens_details"]["cached_tokens"],
        reasoning=usage["output_tokens_details"]["reasoning_tokens"],
    )


def _of_gemini(reply: Json) -> Figures:
    usage = reply["usageMetadata"]
    thought = usage.get("thoughtsTokenCount", 0)
    said = usage["candidatesTokenCount"] + thought
    return Figures(usage["promptTokenCount"], said, usage.get("cachedContentTokenCount", 0), reasoning=thought)


_FIGURES: Final[Mapping[str, Callable[[Json], Figures]]] = {
    "anthropic": _of_anthropic,
    "openai-chat": _of_chat,
    "openai-responses": _of_responses,
    "gemini": _of_gemini,
}


def count(upstream: str, asked: Asked) -> int:
    """How many tokens the upstream's own counter told."""
    return cast(int, asked.answered()["totalTokens" if upstream == "gemini" else "input_tokens"])


def call_ids(upstream: str, asked: Asked) -> Sequence[str]:
    """The ids under which the upstream called tools."""
    return _CALL_IDS[upstream](asked.answered())


_CALL_IDS: Final[Mapping[str, Callable[[Json], Sequence[str]]]] = {
    "anthropic": lambda reply: [block["id"] for block in reply["content"] if block["type"] == "tool_use"],
    "openai-chat": lambda reply: [call["id"] for call in reply["choices"][0]["message"].get("tool_calls", [])],
    "openai-responses": lambda reply: [
        item["call_id"] for item in reply["output"] if item["type"].endswith("function_call")
    ],
    "gemini": lambda reply: [
        part["functionCall"]["id"] for part in reply["candidates"][0]["content"]["parts"] if "functionCall" in part
    ],
}

BLOBS: Final[Mapping[str, bytes]] = {
    "anthropic": b'"signature":"Eq',
    "openai-responses": b'"encrypted_content":"gAAAAA',
    "gemini": b'"thoughtSignature"',
}
"""How the upstreams' blobs begin in a request; Chat has none."""


class City(BaseModel):
    """What structured answers are."""

    name: str
    people: int
    kind: Literal["capital", "town"]
    rivers: list[str]
