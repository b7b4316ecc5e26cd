"""What the formats declare of each other's fields holds for whole requests, from every wire to every other.

The encoders' own tests look at one step; here a client's body goes the whole way to the upstream's, so that a wish
which gets lost between the steps shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import pytest

from cliproxy.formats import CODECS, FORMATS
from cliproxy.formats.codec import Dialect, Field, Support
from cliproxy.formats.jsontext import dumps
from cliproxy.formats.wire import Operation
from cliproxy.shaping.table import CapabilityTable
from cliproxy.translate.envelopes import Envelopes, Kind, Maker, digest_of
from cliproxy.translate.memory import ReasoningMemory
from cliproxy.translate.translation import Asked, Prepared, Rules, Translation, Upstream
from tests.support.wishes import PLAIN, SEALED, THOUGHT, WISHES, Body

MODEL: Final = "m"
"""Nobody knows it, so that it bears everything."""
REPLIES_ONLY: Final[frozenset[tuple[str, Field]]] = frozenset({("gemini", "citations")})
"""What the clients of a format are told, and cannot ask for."""
OTHERWISE: Final[Mapping[tuple[str, str, Field], tuple[Support, str]]] = {
    ("openai-responses", "openai-chat", "thinking: visibility"): (
        Support.EXACT,
        "it can ask to see it, not to hide it",
    ),
    ("anthropic", "openai-responses", "citations"): (
        Support.LOST,
        "documents of the prompt are cited by Anthropic alone",
    ),
    ("openai-responses", "anthropic", "citations"): (
        Support.LOST,
        "those of earlier answers need Anthropic's own index",
    ),
}
"""By client, upstream and field: what becomes of it where the table, which knows no clients, says something else."""

NOTHING_TO_WRITE: Final[Mapping[tuple[str, str, Field], str]] = {
    ("anthropic", "openai-responses", "thinking: visibility"): "thinking is hidden there unless asked for",
}
"""What is done because the upstream does it anyway."""

PAIRS: Final = [(client, upstream) for client in WISHES for upstream in WISHES if client != upstream]
CASES: Final = [(client, upstream, field) for client, upstream in PAIRS for field in WISHES[client]]
ENVELOPES: Final = Envelopes(b"a secret")


def prepared(client: str, wire: str, body: Body) -> Prepared:
    upstream = Upstream(FORMATS[wire], f"{wire}@upstream.example", MODEL, Dialect())
    rules = Rules(ENVELOPES, ReasoningMemory(), CapabilityTable(()))
    sent = dumps(body).replace(SEALED.encode(), sealed(upstream).encode())
    asked = Asked(
        "req_1", FORMATS[client], Operation.GENERATE, MODEL, stream=False, body=sent, reasoning=None, created=0
    )
    return Translation(asked, rules).prepare(upstream)


def sealed(upstream: Upstream) -> str:
    """What the upstream gave with its thinking: the plain servers of OpenAI Chat nothing but the text."""
    maker = Maker.of(upstream.origin, upstream.model)
    if upstream.wire.name == "openai-chat":
        return ENVELOPES.seal(digest_of(THOUGHT), Kind.SPOKEN, maker)
    return ENVELOPES.seal("QUFB", Kind.SIGNED, maker)


def support_of(found: Prepared) -> Support:
    """What became of a request, by what was noted."""
    if not found.losses:
        return Support.EXACT
    return Support.EMULATED if all(loss.emulated for loss in found.losses) else Support.LOST


def declared(client: str, upstream: str, field: Field) -> Support:
    other = OTHERWISE.get((client, upstream, field))
    return other[0] if other else CODECS[upstream].support[field]


def says(client: str) -> Iterator[Field]:
    return (field for field in CODECS[client].says if (client, field) not in REPLIES_ONLY)


@pytest.mark.parametrize(("client", "upstream", "field"), CASES)
def test_a_field_fares_as_is_declared(client: str, upstream: str, field: Field) -> None:
    assert support_of(prepared(client, upstream, WISHES[client][field])) is declared(client, upstream, field)


@pytest.mark.parametrize(("client", "upstream", "field"), [case for case in CASES if case not in NOTHING_TO_WRITE])
def test_what_is_exact_stands_in_the_upstreams_body(client: str, upstream: str, field: Field) -> None:
    found = prepared(client, upstream, WISHES[client][field])
    if support_of(found) is Support.EXACT:
        assert found.body != prepared(client, upstream, PLAIN[client]).body


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_a_plain_request_loses_nothing(client: str, upstream: str) -> None:
    assert prepared(client, upstream, PLAIN[client]).losses == ()


@pytest.mark.parametrize("client", WISHES)
def test_every_field_of_a_client_is_tried(client: str) -> None:
    assert set(WISHES[client]) == set(says(client))


@pytest.mark.parametrize(("client", "upstream", "field"), OTHERWISE)
def test_an_exception_is_needed(client: str, upstream: str, field: Field) -> None:
    assert OTHERWISE[client, upstream, field][0] is not CODECS[upstream].support[field]
