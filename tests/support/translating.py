"""The whole pipeline of translation, for every pair of formats, and turns to put through it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from random import Random
from typing import Any, Final

import attrs
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from cliproxy.formats import FORMATS
from cliproxy.formats.codec import Dialect
from cliproxy.formats.wire import Operation
from cliproxy.shaping.table import CapabilityTable
from cliproxy.translate.envelopes import Envelopes
from cliproxy.translate.memory import ReasoningMemory
from cliproxy.translate.readers import ReplyHead, ReplyReader
from cliproxy.translate.translation import Asked, Rules, Translation, Upstream
from tests.support.grammars import anthropic, gemini, openai_chat, openai_responses
from tests.support.grammars.said import BETWEEN, Answer, Kind, Piece, Said, Stop, Tokens, merged
from tests.support.tellers import anthropic as anthropic_teller
from tests.support.tellers import gemini as gemini_teller
from tests.support.tellers import openai_chat as openai_chat_teller
from tests.support.tellers import openai_responses as openai_responses_teller

WIRES: Final = ("anthropic", "openai-chat", "openai-responses", "gemini")
PAIRS: Final = tuple((upstream, client) for upstream in WIRES for client in WIRES if upstream != client)
"""Who answers, and who asked."""
MODEL: Final = "a-model"
TOOLS: Final = ("look", "write_file")


@attrs.frozen
class Teller:
    """Tells a turn as an upstream would."""

    events: Callable[[Said, Random], list[bytes]]
    whole: Callable[[Said], bytes]
    error: Callable[[str], bytes]


TELLERS: Final[Mapping[str, Teller]] = {
    "anthropic": Teller(anthropic_teller.events, anthropic_teller.whole, anthropic_teller.error),
    "openai-chat": Teller(openai_chat_teller.events, openai_chat_teller.whole, openai_chat_teller.error),
    "openai-responses": Teller(
        openai_responses_teller.events, openai_responses_teller.whole, openai_responses_teller.error
    ),
    "gemini": Teller(gemini_teller.events, gemini_teller.whole, gemini_teller.error),
}


@attrs.frozen
class Grammar:
    """Reads what a client was told, and insists on its grammar."""

    check: Callable[[bytes], Said]
    read: Callable[[bytes], Said]


GRAMMARS: Final[Mapping[str, Grammar]] = {
    "anthropic": Grammar(anthropic.check, anthropic.read),
    "openai-chat": Grammar(openai_chat.check, openai_chat.read),
    "openai-responses": Grammar(openai_responses.check, openai_responses.read),
    "gemini": Grammar(gemini.check, gemini.read),
}

# -- the pipeline ----------------------------------------------------------------------------------------------------

_SCHEMA: Final = {"type": "object", "properties": {"path": {"type": "string"}}}
_FUNCTIONS: Final[Mapping[str, Callable[[str], dict[str, Any]]]] = {
    "anthropic": lambda name: {"name": name, "input_schema": _SCHEMA},
    "openai-chat": lambda name: {"type": "function", "function": {"name": name, "parameters": _SCHEMA}},
    "openai-responses": lambda name: {"type": "function", "name": name, "parameters": _SCHEMA},
    "gemini": lambda name: {"functionDeclarations": [{"name": name, "parametersJsonSchema": _SCHEMA}]},
}


def asking(client: str, names: Sequence[str] = TOOLS, **fields: Any) -> dict[str, Any]:
    """The body of a plain request."""
    told: dict[str, Any] = {"model": MODEL, "tools": [_FUNCTIONS[client](name) for name in names]}
    if client == "anthropic":
        told |= {"max_tokens": 1000, "messages": [{"role": "user", "content": "Go on."}]}
    elif client == "openai-chat":
        told |= {"messages": [{"role": "user", "content": "Go on."}], "stream_options": {"include_usage": True}}
    elif client == "openai-responses":
        told |= {"input": "Go on."}
    else:
        told |= {"contents": [{"role": "user", "parts": [{"text": "Go on."}]}]}
    return told | fields


def rules() -> Rules:
    """Those of an installation in which nothing is configured."""
    return Rules(Envelopes(b"secret"), ReasoningMemory(), CapabilityTable(()))


def upstream_of(name: str) -> Upstream:
    """An upstream that speaks this format."""
    return Upstream(FORMATS[name], f"{name}:upstream.example", MODEL, Dialect())


def translation(
    client: str,
    body: Mapping[str, Any],
    *,
    stream: bool = True,
    array: bool = False,
    under: Rules | None = None,
) -> Translation:
    """One exchange's. `under`: the rules of a daemon that has heard more than this; else of one that just began."""
    asked = Asked(
        request_id="req_1",
        wire=FORMATS[client],
        operation=Operation.GENERATE,
        model=MODEL,
        stream=stream,
        body=json.dumps({**body, "stream": stream} if client != "gemini" else body).encode(),
        reasoning=None,
        created=1,
        array=array,
    )
    return Translation(asked, under or rules())


@cache
def _plain(client: str, stream: bool) -> Translation:
    return translation(client, asking(client), stream=stream)


def reader(
    upstream: str, client: str, *, stream: bool = True, streams: bool = True, asked: Translation | None = None
) -> ReplyReader:
    """What reads one reply. `stream`: the client wants a stream; `streams`: the upstream sends one."""
    kind = b"text/event-stream; charset=utf-8" if streams else b"application/json"
    asked = asked or _plain(client, stream)
    there = upstream_of(upstream)
    return asked.reader(there, asked.prepare(there), ReplyHead(200, kind, b""))


def ended(reply: ReplyReader, told: bytes) -> bytes:
    """All that a client of a stream is told in the end: trouble becomes an error, as the exchange makes one of it."""
    return told if reply.trouble is None else told + reply.failed(reply.trouble, "req_1")


def passed(pieces: Sequence[bytes], reply: ReplyReader) -> bytes:
    """What a client is told of an upstream's body, to its end."""
    told = b"".join([reply.feed(piece) for piece in pieces])
    return ended(reply, told + reply.finish())


# -- turns -----------------------------------------------------------------------------------------------------------

_LETTERS: Final = st.sampled_from(
    (
        "a",
        " ",
        "\n",
        "\n\n",
        '"',
        "\\",
        "\t",
        "é",
        "☕",
        "🦉",
        "\U0010ffff",
        "\u2028",
        "\x00",
        "\x7f",
        "data: ",
        "</s>",
        "{",
    )
)
_WORDS: Final = st.lists(_LETTERS, min_size=1, max_size=8).map("".join)
_VALUES: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from((10**30, -(2**63) - 1, 0.1, -1.5e300)) | _WORDS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_WORDS, inner, max_size=2),
    max_leaves=4,
)
_ARGUMENTS: Final = st.dictionaries(_WORDS, _VALUES, max_size=3)
_SPEAKS: Final[Mapping[str, Sequence[str]]] = {
    "anthropic": ("text", "thinking", "call"),
    "openai-chat": ("text", "thinking", "refusal", "call"),
    "openai-responses": ("text", "thinking", "refusal", "call"),
    "gemini": ("text", "thinking", "call"),
}
_TELLS_STRETCHES: Final = ("anthropic", "openai-responses")
"""Their streams tell where one stretch of thinking ends and another begins."""


@st.composite
def _tokens(draw: st.DrawFn) -> Tokens:
    prompt, completion = draw(st.integers(1, 10**6)), draw(st.integers(0, 10**6))
    return Tokens(prompt, draw(st.integers(0, prompt)), completion, draw(st.integers(0, completion)))


@st.composite
def _piece(draw: st.DrawFn, wire: str, kind: str, number: int) -> Piece:
    if kind == "call":
        text = json.dumps(draw(_ARGUMENTS), ensure_ascii=draw(st.booleans()))
        return Piece("call", text, f"call_{number}", draw(st.sampled_from(TOOLS)))
    if kind == "thinking":
        blob = draw(st.sampled_from(("", "c2lnbmF0dXJl")))
        text = draw(_WORDS | st.just("First.\n\nThen."))
        return Piece("thinking", "" if blob and draw(st.integers(0, 4)) == 0 else text, blob=blob)
    if kind == "refusal":
        return Piece("refusal", draw(_WORDS))
    if wire == "gemini" and draw(st.integers(0, 4)) == 0:
        return Piece("text", draw(st.sampled_from(("", "Well."))), blob="c2lnbmF0dXJl")
    return Piece("text", "" if wire in _TELLS_STRETCHES and draw(st.integers(0, 9)) == 0 else draw(_WORDS))


@st.composite
def answers(draw: st.DrawFn, wire: str, *, in_order: bool = False) -> Answer:
    """An answer that this wire has words for. `in_order`: as a whole body of any wire can tell it."""
    kinds = draw(st.lists(st.sampled_from(_SPEAKS[wire]), max_size=6))
    if in_order and wire == "openai-chat":
        rank = ("thinking", "text", "refusal", "call")
        once = [kind for kind in rank[:3] if kind in kinds]
        kinds = [*once, *(kind for kind in kinds if kind == "call")]
    pieces: list[Piece] = []
    for number, kind in enumerate(kinds):
        piece = draw(_piece(wire, kind, number))
        before = pieces[-1] if pieces else None
        if before is not None and before.kind == kind == "thinking" and wire not in _TELLS_STRETCHES:
            continue
        pieces.append(piece)
    natural: Stop = "tools" if "call" in kinds else "end"
    early: tuple[Stop, ...] = ("length", "refusal")
    return Answer(tuple(pieces), draw(st.sampled_from((natural, natural, natural, *early))))


@st.composite
def turns(draw: st.DrawFn, wire: str, *, in_order: bool = False, choices: int = 1) -> Said:
    """What an upstream of this wire may say."""
    count = draw(st.integers(1, choices)) if wire in ("openai-chat", "gemini") else 1
    told = tuple(draw(answers(wire, in_order=in_order)) for _ in range(count))
    return Said(told, draw(st.none() | _tokens()))


chances = st.integers(0, 2**32).map(Random)
often = settings(
    max_examples=int(os.environ.get("CLIPROXY_EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],  # a matter of what else the machine does
)
"""How often a law is tried; a few thousand for whoever changes what it is about."""


# -- what must arrive ------------------------------------------------------------------------------------------------


def expected(said: Said, upstream: str, client: str) -> Said:
    """The same turn, as far as the client's wire has words for it."""
    several = client in ("openai-chat", "gemini")
    told = said.answers if several else said.answers[:1]
    return Said(tuple(_expected(answer, upstream, client) for answer in told), said.tokens)


def _expected(answer: Answer, upstream: str, client: str) -> Answer:
    stop = answer.stop
    declined = any(piece.kind == "refusal" for piece in answer.pieces)
    if declined and stop == "end" and "openai-responses" in (upstream, client):
        stop = "refusal"
    if declined and stop == "refusal" and answer.calls and client == "openai-responses":
        stop = "tools"
    return comparable(attrs.evolve(answer, stop=stop), client)


def comparable(answer: Answer, client: str) -> Answer:
    """An answer without what the client's wire cannot tell: where one stretch ends, or what came first."""
    pieces = [attrs.evolve(piece, blob="") for piece in answer.pieces]
    if client in ("anthropic", "gemini"):
        pieces = [attrs.evolve(piece, kind="text") if piece.kind == "refusal" else piece for piece in pieces]
    if client == "openai-chat":
        thoughts = [piece.text for piece in pieces if piece.kind == "thinking" and piece.text]
        pieces = [
            Piece("thinking", BETWEEN.join(thoughts)),
            *(piece for piece in pieces if piece.kind == "text"),
            *(piece for piece in pieces if piece.kind == "refusal"),
            *(piece for piece in pieces if piece.kind == "call"),
        ]
    together: tuple[Kind, ...] = ("text", "refusal", "thinking") if client == "gemini" else ("text", "refusal")
    told = merged(pieces, *together)
    return Answer(tuple(attrs.evolve(piece, text=_canonical(piece)) for piece in told), answer.stop)


def _canonical(piece: Piece) -> str:
    if piece.kind != "call" or piece.custom:
        return piece.text
    return json.dumps(json.loads(piece.text), sort_keys=True)


def heard(said: Said, client: str, *, counted: bool = True) -> Said:
    """What a client was told, to be compared with what must arrive. `counted`: the upstream told its tokens; else
    Anthropic's wire, which cannot do without, has an estimate.
    """
    answers = tuple(comparable(answer, client) for answer in said.answers)
    return attrs.evolve(said, answers=answers, tokens=said.tokens if counted or client != "anthropic" else None)
