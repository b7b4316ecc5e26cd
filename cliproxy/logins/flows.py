"""Logging in, from the first word to the account: by a browser on whatever machine, or by a code on another device.

    addresses -> (authorise URL -> code | device code -> agreed) -> tokens -> whose are they -> an account to keep

Nothing is kept before the end, and whatever ends a login, cancelling included, closes the port and stops the timers.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol
from urllib.parse import urlencode, urlsplit, urlunsplit

import attrs
from twisted.internet.defer import CancelledError, Deferred

from cliproxy.logins.callback import CallbackServer, PortBusy
from cliproxy.logins.code_assist import email_of, onboard
from cliproxy.logins.device import DeviceCode, DeviceExpired, DeviceFlow
from cliproxy.logins.endpoint import Addresses, TokenEndpoint
from cliproxy.logins.files import token_fields
from cliproxy.logins.identity import file_name
from cliproxy.logins.machine import Attempt, Reception
from cliproxy.logins.pasted import Unreadable, read_pasted
from cliproxy.logins.pkce import Proof, RandomBytes, new_proof, new_state
from cliproxy.logins.providers import LoginType, why_not_ready
from cliproxy.logins.tokens import LoginFailed, Tokens
from cliproxy.secret import Secret

DEVICE_ID_BYTES: Final = 16

Lines = Callable[[Callable[[str | None], None]], Callable[[], None]]
"""Begins to hand on what a person types, line by line, None at its end; what it gives stops that."""


class Screen(Protocol):
    """Whoever sits there."""

    def open_page(self, url: str, goes_to: int, port: int | None) -> None:
        """Ask them to open a page.

        It sends the browser to the port `goes_to` of the browser's own machine; `port` is the one listened at here,
        None: none is, so that the address it ends at must be pasted.
        """

    def type_code(self, device: DeviceCode) -> None:
        """Ask them to type a code on another device."""

    def say(self, sentence: str) -> None:
        """Tell them something."""


@attrs.frozen
class NewAccount:
    """What a login came to: a file's name, and what belongs into it."""

    name: str
    fields: Mapping[str, object] = attrs.field(repr=False)

    @property
    def label(self) -> str:
        """How a person knows it."""
        known = (self.fields.get(name) for name in ("email", "sub", "account_id", "account_uuid"))
        return next((text for text in known if isinstance(text, str) and text), self.name)


@attrs.frozen
class _Sent:
    """What an authorise URL says, as far as the exchange must say it again."""

    state: Secret
    proof: Proof
    redirect_uri: str


@attrs.frozen
class Flows:
    """What it takes to log in."""

    endpoint: TokenEndpoint
    screen: Screen
    lines: Lines
    random: RandomBytes = secrets.token_bytes

    def by_browser(self, login_type: LoginType, port: int | None = None, project: str = "") -> Deferred[NewAccount]:
        """Log in by a browser. Fails with `LoginFailed`.

        `port`: to listen at, in place of the type's. `project`: for Code Assist, the person's own.
        """
        return Deferred.fromCoroutine(self._by_browser(login_type, port, project))

    def by_device(self, login_type: LoginType) -> Deferred[NewAccount]:
        """Log in by a code that is typed on another device. Fails with `LoginFailed`."""
        return Deferred.fromCoroutine(self._by_device(login_type))

    # -- by browser

    async def _by_browser(self, row: LoginType, port: int | None, project: str) -> NewAccount:
        _need(row, "browser")
        addresses = await self.endpoint.addresses(row)
        _need_addresses(row, addresses.authorize_url, addresses.token_url)
        state = new_state(self.random)
        attempt = Attempt(self.endpoint.clock, state)

        async def story() -> NewAccount:
            sent, code = await self._code(row, addresses, attempt, state, port)
            tokens = await self.endpoint.exchange(
                row,
                code,
                redirect_uri=sent.redirect_uri,
                verifier=sent.proof.verifier if row.pkce else Secret(""),
                state=sent.state,
                url=addresses.token_url,
            )
            return await self._identified(row, addresses, attempt, tokens, project)

        return await _lived(attempt, story())

    async def _code(
        self, row: LoginType, addresses: Addresses, attempt: Attempt, state: Secret, port: int | None
    ) -> tuple[_Sent, Secret]:
        """Send the person away, and wait for what comes back, by loopback or by hand."""
        server = CallbackServer(self.endpoint.clock, urlsplit(row.redirect_uri).path or "/", attempt.receive)
        wanted = row.callback_port if port is None else port
        opened = await self._opened(server, wanted)
        stop_lines: Callable[[], None] | None = None
        try:
            redirect_uri = _redirect(row, opened if opened is not None else wanted)
            sent = _Sent(state, new_proof(self.random), redirect_uri)
            code = attempt.code()
            stop_lines = self.lines(lambda line: self._pasted(attempt, line, alone=opened is None))
            goes_to = urlsplit(redirect_uri).port or 80
            self.screen.open_page(_authorize_url(row, addresses.authorize_url, sent), goes_to, opened)
            return sent, await code
        finally:
            if stop_lines is not None:
                stop_lines()
            server.close()

    async def _opened(self, server: CallbackServer, port: int) -> int | None:
        try:
            return await server.open(port)
        except PortBusy as busy:
            self.screen.say(f"{busy} So the browser will end at a page that does not load: paste its address here.")
            return None

    def _pasted(self, attempt: Attempt, line: str | None, *, alone: bool) -> None:
        """A line that somebody typed; None: there will be no more. `alone`: nothing comes by loopback either."""
        if line is None:
            if alone:
                attempt.give_up(LoginFailed("The port is taken, and there is nobody to paste anything."))
            return
        try:
            callback = read_pasted(line)
        except Unreadable as unreadable:
            if line.strip():
                self.screen.say(str(unreadable))
            return
        if attempt.receive(callback) is Reception.WRONG_STATE:
            self.screen.say(_WRONG_STATE if callback.state else _NO_STATE)

    # -- by device

    async def _by_device(self, row: LoginType) -> NewAccount:
        _need(row, "device")
        addresses = await self.endpoint.addresses(row)
        _need_addresses(row, addresses.device_url, addresses.token_url)
        attempt = Attempt(self.endpoint.clock, Secret(""))
        device_id = self.random(DEVICE_ID_BYTES).hex() if row.device_id_header else ""
        headers = {row.device_id_header: device_id} if device_id else {}
        flow = DeviceFlow(self.endpoint, row, addresses.device_url, addresses.token_url, headers)

        async def story() -> NewAccount:
            device = await flow.begin()
            attempt.await_device()
            self.screen.type_code(device)
            try:
                tokens = await flow.wait(device)
            except DeviceExpired:
                attempt.expire()
                raise
            attempt.agreed()
            more = {"device_id": device_id} if device_id else {}
            return await self._identified(row, addresses, attempt, tokens, more=more)

        return await _lived(attempt, story())

    # -- both

    async def _identified(
        self,
        row: LoginType,
        addresses: Addresses,
        attempt: Attempt,
        tokens: Tokens,
        project: str = "",
        more: Mapping[str, object] | None = None,
    ) -> NewAccount:
        attempt.identify()
        told: dict[str, object] = {"type": row.name, **tokens.fields, **(more or {})}
        if row.userinfo_url and not told.get("email"):
            told["email"] = await email_of(self.endpoint, row, tokens.access_token)
        if row.name == "gemini":
            told["project_id"] = await onboard(self.endpoint, row, tokens.access_token, project)
        if not tokens.refresh_token:
            self.screen.say("The provider gave no refresh token: this login ends with its first token.")
        now = self.endpoint.wall()
        # The client that they were given to goes with the tokens: they are of no use to another.
        told["client_id"] = row.client_id
        if row.client_secret:
            told["client_secret"] = row.client_secret.reveal()
        if row.discovery_url:
            told |= {"auth_kind": "oauth", "token_endpoint": addresses.token_url}
        told |= token_fields(tokens, now)
        return NewAccount(file_name(row.name, told, now), {name: value for name, value in told.items() if value})


_WRONG_STATE: Final = "That belongs to another login, so it was not used. Still waiting."
_NO_STATE: Final = "That lacks the state, so it was not used. Paste the whole address. Still waiting."


async def _lived(attempt: Attempt, story: Awaitable[NewAccount]) -> NewAccount:
    """The story, and how it ended told to the machine."""
    try:
        account = await story
    except CancelledError:
        attempt.cancel()
        raise
    except BaseException:
        attempt.fail()
        raise
    attempt.finish()
    return account


def _need(row: LoginType, flow: str) -> None:
    """Raise `LoginFailed` if the type has no such flow, or lacks something."""
    if flow not in row.flows:
        other = " or ".join(row.flows)
        raise LoginFailed(f"{row.name} has no login by {flow}, but one by {other}.")
    reason = why_not_ready(row)
    if reason:
        raise LoginFailed(reason)


def _need_addresses(row: LoginType, *urls: str) -> None:
    if not all(urls):
        raise LoginFailed(f"The provider of {row.name} does not say where such a login begins.")


def _redirect(row: LoginType, port: int) -> str:
    """The redirect URI; it names the port only if the provider takes any."""
    if not row.any_port or not port:
        return row.redirect_uri
    parts = urlsplit(row.redirect_uri)
    return urlunsplit(parts._replace(netloc=f"{parts.hostname}:{port}"))


def _authorize_url(row: LoginType, url: str, sent: _Sent) -> str:
    parameters = {
        **row.authorize_parameters,
        "client_id": row.client_id,
        "response_type": "code",
        "redirect_uri": sent.redirect_uri,
        "scope": row.scope,
        "state": sent.state.reveal(),
    }
    if row.pkce:
        parameters |= {"code_challenge": sent.proof.challenge, "code_challenge_method": "S256"}
    return f"{url}{'&' if '?' in url else '?'}{urlencode(parameters)}"
