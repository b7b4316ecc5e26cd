"""The whole daemon in memory, over one account that was logged in to, and what its vendor's own server would say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import attrs
import orjson
from hyperlink import EncodedURL

from cliproxy.formats import sse
from cliproxy.formats.codec import Dialect
from cliproxy.secret import Secret
from cliproxy.upstream.accounts import Account
from cliproxy.upstream.providers import PROVIDERS
from tests.support.crossing import Crossing, sent_headers, streamed, whole
from tests.support.grammars.said import Answer, Piece, Said, Tokens
from tests.support.house import JSON, Asked, Caller
from tests.support.translating import GRAMMARS

TOKEN: Final = "token-of-a-login-0123456789"
CALLED: Final = Said((Answer((Piece("call", '{"path": "a"}', "call_1", "look"),), "tools"),), Tokens(7, 0, 2, 0))
"""A call of a tool that every client of these tests declares."""


def login(provider: str, base_url: str, dialect: Dialect | None = None, **more: Any) -> Account:
    """An account of this row of `PROVIDERS`."""
    address = EncodedURL.from_text(base_url)
    row = PROVIDERS[provider]
    return Account(
        id="a-login",
        provider=provider,
        base_url=address,
        key=Secret(TOKEN),
        bearer=True,
        dialect=dialect or row.dialect,
        origin=f"{row.format}@{address.authority()}",
        renewable=True,
        **more,
    )


class Behind(Crossing):
    """A daemon that serves by that account. The keys that are configured stand for their models alone."""

    def __init__(self, account: Account, **more: Any) -> None:
        super().__init__(PROVIDERS[account.provider].format, **more)
        exchanges = self.house._exchanges
        accounts = dict.fromkeys(exchanges.provision.accounts, account)
        exchanges.provision = attrs.evolve(exchanges.provision, accounts=accounts)


Answering = Callable[[Asked, Said], None]
"""A vendor's server: it says so, or refuses."""


def told_in_a_stream(daemon: Behind, client: str, answer: Answering, said: Said, **fields: Any) -> Said:
    """What a client of that wire is told who wants a stream."""
    caller = daemon.ask(client, **fields)
    answer(daemon.upstream.last, said)
    return told_by_the_last_event(caller) if client == "openai-responses" else streamed(caller, client)


def told_by_the_last_event(caller: Caller) -> Said:
    """What a stream of Responses says when all is said. Its other events, if they passed, are the upstream's affair."""
    assert caller.ended, caller.body
    last = orjson.loads(sse.data_of([*sse.each(caller.body)][-1]) or b"")
    assert last["type"] == "response.completed"
    return GRAMMARS["openai-responses"].read(orjson.dumps(last["response"]))


def told_whole(daemon: Behind, client: str, answer: Answering, said: Said, **fields: Any) -> Said:
    """What a client of that wire is told who wants none."""
    caller = daemon.ask(client, stream=False, **fields)
    answer(daemon.upstream.last, said)
    return whole(caller, client)


def refuse(asked: Asked, status: int, document: object) -> None:
    """Answer with an error."""
    asked.answer(status, JSON, body=orjson.dumps(document), end=True)


def unauthorized(asked: Asked, **required: str) -> bool:
    """Whether the request lacks the account's token, or one of these headers."""
    wanted = {"authorization": f"Bearer {TOKEN}", **required}
    return not wanted.items() <= sent_headers(asked).items()


def body_of_answer(caller: Caller) -> dict[str, Any]:
    """A whole answer, which has ended."""
    assert caller.ended, caller.body
    document = orjson.loads(caller.body)
    assert isinstance(document, dict)
    return document
