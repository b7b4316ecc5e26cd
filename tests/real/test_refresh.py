"""Renewals over real sockets, against a provider whose refresh tokens are good once."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from cliproxy.logins.endpoint import TokenEndpoint
from cliproxy.logins.files import load, load_all
from cliproxy.logins.issuer import Issuer
from cliproxy.logins.login import NO_SECRET, Login
from cliproxy.logins.providers import LoginType
from cliproxy.logins.refresh import Refresher, renew_now
from cliproxy.logins.tokens import Rejected
from cliproxy.secret import Secret
from cliproxy.upstream.agent import PooledAgent
from cliproxy.upstream.endpoints import connector
from cliproxy.upstream.transport import Transport
from tests.support.identity_provider import Fault, IdentityProvider, identity_provider
from tests.support.reactor import until as holds_in_time
from tests.support.upstream import on_the_reactor

T = TypeVar("T")
pytestmark = pytest.mark.real

NAME = "kimi-1.json"


def in_a_thread(work: Callable[[], T], /) -> Deferred[T]:
    return deferToThread(work)


@asynccontextmanager
async def endpoint() -> AsyncIterator[TokenEndpoint]:
    from twisted.internet import reactor

    transport = Transport(reactor, lambda way: PooledAgent(reactor, connector(reactor, None), 5.0), 10.0)
    try:
        yield TokenEndpoint(transport, reactor, time.time, b"cliproxy/test")
    finally:
        transport.retire()


@asynccontextmanager
async def refresher(
    directory: Path, types: Mapping[str, LoginType], publish: Callable[[Login], None] = lambda _: None
) -> AsyncIterator[Refresher]:
    """A service over the files of a directory, as each process would have one."""
    from twisted.internet import reactor

    async with endpoint() as tokens:
        issuer = Issuer(tokens, in_a_thread)
        service = Refresher(issuer, directory, types, reactor, time.time, lambda: 0.0, in_a_thread, publish)
        service.hold({login.name: login for login in load_all(directory).logins})
        service.startService()
        try:
            yield service
        finally:
            await service.stopService()


def account(idp: IdentityProvider, directory: Path, life: float = 3600, name: str = NAME) -> Login:
    grant = idp.grant()
    members = {
        "type": "kimi",
        "access_token": grant.access_token,
        "refresh_token": grant.refresh_token,
        "expired": time.time() + life,
        "note": "stays",
    }
    (directory / name).write_text(json.dumps(members))
    return load(directory / name)


async def until(holds: Callable[[], bool]) -> None:
    from twisted.internet import reactor

    assert await holds_in_time(holds, reactor), "it does not come"


@on_the_reactor
async def test_what_is_due_is_renewed_and_what_is_published_works(tmp_path: Path) -> None:
    async with identity_provider() as idp:
        before = account(idp, tmp_path, life=10)
        published: list[Login] = []
        async with refresher(tmp_path, {"kimi": idp.login_type("kimi")}, published.append):
            await until(lambda: bool(published))
    assert published[0].access_token != before.access_token
    assert idp.knows(published[0].access_token.reveal())
    found = json.loads((tmp_path / NAME).read_text())
    assert (found["access_token"], found["note"]) == (published[0].access_token.reveal(), "stays")


@on_the_reactor
async def test_two_processes_do_not_spend_one_token_twice(tmp_path: Path) -> None:
    async with identity_provider() as idp:
        spent = account(idp, tmp_path).access_token
        types = {"kimi": idp.login_type("kimi")}
        async with refresher(tmp_path, types) as one, refresher(tmp_path, types) as other:
            renewed = await gatherResults([service.renew(NAME, spent) for service in (one, other) for _ in range(20)])
        assert renewed == [True] * 40
        assert len(idp.asked_for("/token")) == 1


@on_the_reactor
async def test_a_chain_of_single_use_tokens_does_not_break(tmp_path: Path) -> None:
    async with identity_provider() as idp:
        account(idp, tmp_path)
        async with endpoint() as tokens:
            for _ in range(3):
                login = await renew_now(tmp_path, NAME, {"kimi": idp.login_type("kimi")}, tokens)
                assert login.refresh_token == load(tmp_path / NAME).refresh_token


@on_the_reactor
async def test_trouble_of_the_provider_costs_no_login(tmp_path: Path) -> None:
    async with identity_provider() as idp:
        spent = account(idp, tmp_path).access_token
        idp.fail("/token", Fault(status=503))
        async with refresher(tmp_path, {"kimi": idp.login_type("kimi")}) as service:
            assert not await service.renew(NAME, spent)
        assert not load(tmp_path / NAME).needs_login
        async with endpoint() as tokens:
            await renew_now(tmp_path, NAME, {"kimi": idp.login_type("kimi")}, tokens)


@on_the_reactor
async def test_a_revoked_login_is_parked(tmp_path: Path) -> None:
    async with identity_provider() as idp:
        idp.revoke(account(idp, tmp_path).refresh_token.reveal())
        async with endpoint() as tokens:
            with pytest.raises(Rejected, match="invalid_grant"):
                await renew_now(tmp_path, NAME, {"kimi": idp.login_type("kimi")}, tokens)
        assert load(tmp_path / NAME).needs_login


@on_the_reactor
async def test_a_renewal_under_way_is_written_when_the_service_stops(tmp_path: Path) -> None:
    async with identity_provider() as idp:
        spent = account(idp, tmp_path)
        async with refresher(tmp_path, {"kimi": idp.login_type("kimi")}) as service:
            waiting = service.renew(NAME, spent.access_token)
            await until(lambda: bool(idp.asked_for("/token")))
        assert await waiting
        assert load(tmp_path / NAME).refresh_token != spent.refresh_token


@on_the_reactor
async def test_a_service_account_is_given_a_token_that_stays_in_memory(tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    async with identity_provider() as idp:
        idp.service_accounts["robot@example.org"] = key.public_key()
        file = {"client_email": "robot@example.org", "private_key": pem, "token_uri": f"{idp.url}/token"}
        before = json.dumps({"type": "vertex", "service_account": file, "project_id": "a-project"})
        (tmp_path / "v.json").write_text(before)
        published: list[Login] = []
        async with refresher(tmp_path, {"vertex": idp.login_type("vertex")}, published.append) as service:
            assert await service.renew("v.json", NO_SECRET)
        assert idp.knows(published[0].access_token.reveal())
        assert (tmp_path / "v.json").read_text() == before


@on_the_reactor
async def test_the_answer_of_a_spent_token_that_another_program_renewed_is_found_in_the_file(tmp_path: Path) -> None:
    async with identity_provider() as idp:
        held = account(idp, tmp_path)
        types = {"kimi": idp.login_type("kimi")}
        async with refresher(tmp_path, types) as service:
            async with endpoint() as tokens:
                other = await renew_now(tmp_path, NAME, types, tokens)
            assert await service.renew(NAME, held.access_token)
        assert len(idp.asked_for("/token")) == 1
        assert load(tmp_path / NAME).access_token == Secret(other.access_token.reveal())
