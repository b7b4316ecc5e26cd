"""Whole logins: against the fake identity provider over real sockets, and in memory where time must pass."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, cast
from urllib.parse import parse_qs, urlencode, urlsplit

import attrs
import pytest
import treq
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.web.iweb import IAgent

from cliproxy.logins.device import DeviceCode
from cliproxy.logins.endpoint import TokenEndpoint
from cliproxy.logins.files import parse
from cliproxy.logins.flows import Flows, NewAccount
from cliproxy.logins.machine import LIFE_SECONDS
from cliproxy.logins.pkce import challenge_of
from cliproxy.logins.providers import LOGIN_TYPES, LoginType
from cliproxy.logins.stored import written
from cliproxy.logins.tokens import LoginFailed, Rejected
from cliproxy.secret import Secret
from cliproxy.upstream.accounts import Way
from cliproxy.upstream.agent import PooledAgent
from cliproxy.upstream.endpoints import connector
from cliproxy.upstream.transport import Transport
from tests.support.answers import FakeSender, said
from tests.support.identity_provider import CUT, GARBAGE, Fault, IdentityProvider, browse, identity_provider
from tests.support.reactor import until
from tests.support.upstream import factory_of, listen, on_the_reactor, port_of

NOW = 1_700_000_000.0
KIMI = LOGIN_TYPES["kimi"]
CLAUDE = attrs.evolve(LOGIN_TYPES["claude"], client_id="a-client")


@attrs.define
class Person:
    """Sits before the screen, and does what they are asked: by their browser, or by pasting."""

    pastes: bool = False
    mistakes: tuple[str, ...] = ()
    """Typed first."""
    pages: list[str] = attrs.field(factory=list)
    codes: list[DeviceCode] = attrs.field(factory=list)
    heard: list[str] = attrs.field(factory=list)
    seen: list[str] = attrs.field(factory=list)
    reading: Callable[[str | None], None] | None = None

    def open_page(self, url: str, goes_to: int, port: int | None) -> None:
        self.pages.append(url)
        Deferred.fromCoroutine(self._browse(url)).addErrback(lambda _: None)

    async def _browse(self, url: str) -> None:
        for mistake in self.mistakes:
            self.type(mistake)
        if not self.pastes:
            self.seen.append((await browse(url)).body)
            return
        answer = await treq.get(url, allow_redirects=False, persistent=False)
        self.type(answer.headers.getRawHeaders(b"location")[0].decode())

    def type_code(self, device: DeviceCode) -> None:
        self.codes.append(device)

    def say(self, sentence: str) -> None:
        self.heard.append(sentence)

    def lines(self, take: Callable[[str | None], None]) -> Callable[[], None]:
        self.reading = take
        return self._stop

    def _stop(self) -> None:
        self.reading = None

    def type(self, line: str | None) -> None:
        assert self.reading is not None
        self.reading(line)


class Hurried:
    """A reactor's clock on which a second is a hundredth."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock

    def seconds(self) -> float:
        return float(self._clock.seconds()) * 100

    def callLater(self, delay: float, call: Callable[..., Any], *args: object, **more: object) -> IDelayedCall:
        later: IDelayedCall = self._clock.callLater(delay / 100, call, *args, **more)
        return later


@contextlib.asynccontextmanager
async def way_in(*, hurried: bool = False) -> AsyncIterator[tuple[IdentityProvider, Flows, Person]]:
    """A provider, and everything to log in to it."""
    from twisted.internet import reactor

    def make_agent(way: Way) -> IAgent:
        return PooledAgent(reactor, connector(reactor, None), 5.0)

    person = Person()
    transport = Transport(reactor, make_agent, 10.0)
    clock = cast(IReactorTime, Hurried(reactor) if hurried else reactor)
    endpoint = TokenEndpoint(transport, clock, lambda: NOW, b"cliproxy/1.2.3")
    async with identity_provider() as provider:
        try:
            yield provider, Flows(endpoint, person, person.lines), person
        finally:
            transport.retire()


async def why(login: Deferred[NewAccount]) -> str:
    """Why it failed."""
    with pytest.raises(LoginFailed) as caught:
        await login
    return str(caught.value)


# -- by browser


@pytest.mark.real
@on_the_reactor
async def test_claude_by_browser() -> None:
    async with way_in() as (provider, flows, person):
        provider.takes = "json"
        account = await flows.by_browser(provider.login_type("claude"))
    assert account.name == "claude-me@example.org.json"
    assert provider.knows(str(account.fields["access_token"]))
    assert person.seen
    assert "may close this page" in person.seen[0]


@pytest.mark.real
@on_the_reactor
async def test_codex_by_browser() -> None:
    async with way_in() as (provider, flows, _):
        provider.takes = "form"
        account = await flows.by_browser(provider.login_type("codex"))
    assert (account.name, account.fields["account_id"]) == ("codex-me@example.org.json", "account-1")


@pytest.mark.real
@on_the_reactor
async def test_xai_by_browser() -> None:
    async with way_in() as (provider, flows, _):
        row = provider.login_type("xai", discovery_url="https://auth.x.ai/unused")
        account = await flows.by_browser(row)
    assert account.fields["token_endpoint"] == f"{provider.url}/token"


@pytest.mark.real
@on_the_reactor
async def test_gemini_by_browser() -> None:
    async with way_in(hurried=False) as (provider, flows, _):
        provider.client_secret = "a-client-secret"
        provider.onboard_polls = 0
        provider.email = "me@example.org"
        account = await flows.by_browser(provider.login_type("gemini"))
    assert account.name == "gemini-me@example.org-a-project.json"
    assert account.fields["project_id"] == "a-project"


@pytest.mark.real
@on_the_reactor
async def test_a_project_of_ones_own_is_kept() -> None:
    async with way_in() as (provider, flows, _):
        provider.onboarded = True
        row = provider.login_type("gemini", needs_client_secret=False)
        account = await flows.by_browser(row, project="own")
    assert account.fields["project_id"] == "own"


@pytest.mark.real
@on_the_reactor
async def test_an_account_says_all_that_a_refresh_needs() -> None:
    async with way_in() as (provider, flows, _):
        provider.client_secret = "a-client-secret"
        provider.onboarded = True
        account = await flows.by_browser(provider.login_type("gemini"))
    login = parse(account.name, written(dict(account.fields)))
    assert (login.type, login.email, login.expired) == ("gemini", "me@example.org", NOW + 3600)
    assert (login.client_id, login.client_secret) == (provider.client_id, Secret("a-client-secret"))
    assert login.refresh_token


@pytest.mark.real
@on_the_reactor
async def test_the_redirect_may_be_pasted() -> None:
    async with way_in() as (provider, flows, person):
        person.pastes = True
        account = await flows.by_browser(provider.login_type("claude"))
    assert account.label == "me@example.org"


@pytest.mark.real
@on_the_reactor
async def test_mistakes_at_pasting_are_told_and_cost_nothing() -> None:
    async with way_in() as (provider, flows, person):
        person.pastes = True
        person.mistakes = ("", "yes", "code#state-of-another", "http://localhost/callback?code=a")
        await flows.by_browser(provider.login_type("claude"))
    assert [sentence.split(".")[0] for sentence in person.heard] == [
        "That lacks the state",
        "That belongs to another login, so it was not used",
        "That lacks the state, so it was not used",
    ]


@pytest.mark.real
@on_the_reactor
async def test_a_port_that_is_taken_leaves_pasting() -> None:
    taken = await listen(factory_of(Protocol))
    try:
        async with way_in() as (provider, flows, person):
            person.pastes = True
            row = provider.login_type("claude", any_port=False)
            account = await flows.by_browser(row, port_of(taken))
    finally:
        await maybeDeferred(taken.stopListening)
    assert account.label == "me@example.org"
    assert "already in use" in person.heard[0]


@pytest.mark.real
@on_the_reactor
async def test_a_refusal_is_told_on_both_sides() -> None:
    async with way_in() as (provider, flows, person):
        provider.authorize_error = "access_denied"
        sentence = await why(flows.by_browser(provider.login_type("codex")))
        await until(lambda: person.seen, flows.endpoint.clock)
    assert sentence == "The provider refused the login (access_denied: somebody said no)."
    assert "refused the login" in person.seen[0]


@pytest.mark.real
@pytest.mark.parametrize("fault", [Fault(500), Fault(429, retry_after="7"), GARBAGE, CUT, Fault(400)])
@on_the_reactor
async def test_trouble_at_the_exchange_ends_the_login(fault: Fault) -> None:
    async with way_in() as (provider, flows, _):
        provider.fail("/token", fault)
        assert "127.0.0.1" in await why(flows.by_browser(provider.login_type("claude")))
        assert len(provider.asked_for("/token")) == 1


@pytest.mark.real
@on_the_reactor
async def test_the_proof_goes_with_the_code() -> None:
    async with way_in() as (provider, flows, _):
        await flows.by_browser(provider.login_type("claude"))
    (authorize,) = provider.asked_for("/authorize")
    (token,) = provider.asked_for("/token")
    assert challenge_of(str(token.fields["code_verifier"])) == authorize.fields["code_challenge"]


@pytest.mark.real
@on_the_reactor
async def test_a_code_is_of_no_use_without_the_proof() -> None:
    async with way_in() as (provider, flows, _):
        row = provider.login_type("claude")
        url = f"{provider.url}/authorize?" + urlencode(
            {
                "response_type": "code",
                "client_id": provider.client_id,
                "redirect_uri": "http://localhost:1/callback",
                "scope": "s",
                "state": "s",
                "code_challenge": challenge_of("the-verifier"),
                "code_challenge_method": "S256",
            }
        )
        answer = await treq.get(url, allow_redirects=False, persistent=False)
        code = parse_qs(urlsplit(answer.headers.getRawHeaders(b"location")[0].decode()).query)["code"][0]
        exchanged = flows.endpoint.exchange(
            row, Secret(code), redirect_uri="http://localhost:1/callback", verifier=Secret("another")
        )
        with pytest.raises(Rejected, match="invalid_grant"):
            await exchanged


@pytest.mark.real
@on_the_reactor
async def test_every_request_says_who_asks() -> None:
    async with way_in() as (provider, flows, _):
        provider.onboard_polls = 0
        await flows.by_browser(provider.login_type("gemini", needs_client_secret=False))
    own = [asked for asked in provider.asked if asked.path != "/authorize"]
    assert {asked.headers["user-agent"] for asked in own} == {"cliproxy/1.2.3"}


@pytest.mark.real
@on_the_reactor
async def test_a_description_on_a_foreign_host_is_not_believed() -> None:
    async with way_in() as (provider, flows, _):
        row = provider.login_type(
            "xai",
            token_url="",
            device_url="",
            authorize_url="",
            discovery_url=f"{provider.url}/.well-known/openid-configuration",
            trusted_domain="x.ai",
        )
        assert "not its own" in await why(flows.by_browser(row))
        assert "not its own" in await why(flows.by_device(row))
    assert [asked.path for asked in provider.asked] == ["/.well-known/openid-configuration"] * 2


# -- by device


@pytest.mark.real
@on_the_reactor
async def test_kimi_by_device() -> None:
    async with way_in(hurried=True) as (provider, flows, person):
        provider.errors_with_200 = True
        provider.slow_downs = 1
        provider.pending_polls = 3
        account = await flows.by_device(provider.login_type("kimi"))
    assert account.name == f"kimi-{NOW * 1000:.0f}.json"
    assert person.codes[0].user_code.startswith("USER-")
    assert len(provider.asked_for("/token")) == 4


@pytest.mark.real
@on_the_reactor
async def test_kimi_is_told_one_random_device_id() -> None:
    async with way_in(hurried=True) as (provider, flows, _):
        account = await flows.by_device(provider.login_type("kimi"))
    told = {asked.headers["x-msh-device-id"] for asked in provider.asked}
    assert told == {account.fields["device_id"]}


@pytest.mark.real
@on_the_reactor
async def test_xai_by_device() -> None:
    async with way_in(hurried=True) as (provider, flows, _):
        account = await flows.by_device(provider.login_type("xai"))
    assert account.name == "xai-me@example.org.json"


@pytest.mark.real
@on_the_reactor
async def test_codex_by_device() -> None:
    async with way_in(hurried=True) as (provider, flows, _):
        provider.pending_polls = 2
        account = await flows.by_device(provider.login_type("codex"))
    assert account.name == "codex-me@example.org.json"


@pytest.mark.real
@on_the_reactor
async def test_a_device_login_that_was_refused_ends() -> None:
    async with way_in(hurried=True) as (provider, flows, _):
        provider.device_verdict = "access_denied"
        assert "refused on the other device" in await why(flows.by_device(provider.login_type("kimi")))


# -- in memory: what must be so before, and what is left after


class InMemory:
    """A login whose reactor and provider are the test's."""

    def __init__(self, row: LoginType, sender: FakeSender, *, device: bool = False) -> None:
        self.reactor = MemoryReactorClock()
        self.person = Quiet()
        endpoint = TokenEndpoint(sender, cast(IReactorTime, self.reactor), lambda: NOW, b"cliproxy/1")
        flows = Flows(endpoint, self.person, self.person.lines)
        self.login = flows.by_device(row) if device else flows.by_browser(row)
        self.outcomes: list[object] = []
        self.login.addBoth(self.outcomes.append)

    @property
    def error(self) -> BaseException | None:
        (failure,) = self.outcomes
        assert isinstance(failure, Failure)
        return failure.value

    def assert_nothing_is_left(self) -> None:
        assert self.reactor.getDelayedCalls() == []
        assert self.person.reading is None


class Quiet(Person):
    """Does nothing by themselves."""

    def open_page(self, url: str, goes_to: int, port: int | None) -> None:
        self.pages.append(url)


@pytest.mark.parametrize("flow", ["browser", "device"])
def test_what_is_not_configured_is_told_before_anything_is_asked(flow: str) -> None:
    sender = FakeSender()
    begun = InMemory(LOGIN_TYPES["xai"], sender, device=flow == "device")
    assert "logins.xai.client-id" in str(begun.error)
    assert sender.sent == []


def test_a_flow_that_a_type_has_not_is_told() -> None:
    assert str(InMemory(KIMI, FakeSender()).error) == "kimi has no login by browser, but one by device."


def test_a_browser_that_never_comes_back_ends_the_login() -> None:
    begun = InMemory(CLAUDE, FakeSender())
    begun.reactor.advance(LIFE_SECONDS)
    assert "in time" in str(begun.error)
    begun.assert_nothing_is_left()


def test_cancelling_while_the_browser_is_away_leaves_nothing() -> None:
    begun = InMemory(CLAUDE, FakeSender())
    begun.login.cancel()
    assert isinstance(begun.error, CancelledError)
    begun.assert_nothing_is_left()


def test_cancelling_the_exchange_leaves_nothing() -> None:
    sender = FakeSender(None)
    begun = InMemory(CLAUDE, sender)
    begun.person.type(f"code#{_state(begun.person.pages[0])}")
    begun.login.cancel()
    assert sender.cancelled == 1
    begun.assert_nothing_is_left()


def test_cancelling_the_wait_for_a_device_leaves_nothing() -> None:
    code = said(device_code="d", user_code="u", verification_uri="https://id.example/")
    begun = InMemory(KIMI, FakeSender(code), device=True)
    begun.login.cancel()
    assert isinstance(begun.error, CancelledError)
    begun.assert_nothing_is_left()


def test_the_authorise_url_says_what_it_must() -> None:
    begun = InMemory(CLAUDE, FakeSender())
    url = urlsplit(begun.person.pages[0])
    fields = {name: values[0] for name, values in parse_qs(url.query).items()}
    assert f"{url.scheme}://{url.netloc}{url.path}" == CLAUDE.authorize_url
    assert fields.keys() == {
        "code",
        "client_id",
        "response_type",
        "redirect_uri",
        "scope",
        "state",
        "code_challenge",
        "code_challenge_method",
    }
    assert fields["redirect_uri"] == "http://localhost:54545/callback"
    begun.login.cancel()


def test_nobody_there_to_paste_is_no_matter_while_the_port_is_open() -> None:
    begun = InMemory(CLAUDE, FakeSender())
    begun.person.type(None)
    assert begun.outcomes == []
    begun.login.cancel()


def test_no_refresh_token_is_told() -> None:
    begun = InMemory(CLAUDE, FakeSender(said(access_token="a")))
    begun.person.type(f"code#{_state(begun.person.pages[0])}")
    assert any("no refresh token" in sentence for sentence in begun.person.heard)


def test_an_account_does_not_print_its_tokens() -> None:
    begun = InMemory(CLAUDE, FakeSender(said(access_token="an-access-token")))
    begun.person.type(f"code#{_state(begun.person.pages[0])}")
    (account,) = begun.outcomes
    assert isinstance(account, NewAccount)
    assert "an-access-token" not in repr(account)


def _state(url: str) -> str:
    return parse_qs(urlsplit(url).query)["state"][0]
