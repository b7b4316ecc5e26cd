"""Which conversation a request goes on, so that it can stay with the account that has its beginning in its cache. Pure.

Clients that name their conversations do so in a header or in a field of the body, and the first name that is found
counts. Other conversations are known by how they begin, which is the same in their first turn and in their thirtieth.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import islice
from typing import Final

import attrs
import msgspec
import orjson

from cliproxy.formats.wire import ABSENT, Clues, Peek

KEY_BYTES: Final = 16
MAX_TEXT_CHARACTERS: Final = 4096
"""Of each text of a beginning: those that differ at all differ sooner."""
MAX_TEXTS: Final = 32
"""Of the operator's, and of the user's."""
MAX_TURNS: Final = 32
"""How many are looked at to find the first of the user's, and those right behind it."""
FIRST_READ_BYTES: Final = 16 * 1024
MAX_READ_BYTES: Final = 2 * 1024 * 1024
"""Of the turns, from the first on. Who begins with larger pictures, and names nothing, is not known again."""

_CLAUDE_HEADER: Final = b"x-claude-code-session-id"
_HEADERS: Final = {
    name: f"header {name.decode()}"
    for name in (
        b"session-id",
        b"session_id",
        b"x-session-id",
        b"x-session-affinity",
        b"x-amp-thread-id",
        b"thread-id",
    )
}
"""In this order. Not `x-client-request-id`: Codex writes its session there, but into `session-id` as well, and from
others it is a new one each time.
"""

_CLAUDE_USER_ID: Final = re.compile(r"user_.*_session_([0-9A-Fa-f-]{36})", re.DOTALL)
_BILLING_LINE: Final = re.compile(r"x-anthropic-billing-header:[^\n]*\n?")
"""Claude Code writes it before the operator's words, and not the same in every request."""
_OPERATORS: Final = frozenset({"system", "developer"})
_ENVELOPED: Final = msgspec.json.Decoder(Clues)
_TURN: Final = json.JSONDecoder()
_BETWEEN_TURNS: Final = frozenset(", \t\r\n")


@attrs.frozen
class Session:
    """A conversation. One name gives one key, wherever in a request it stands."""

    key: bytes
    """A digest, never the client's own words."""
    source: str
    """What told it, for people: `header session-id`, `prompt_cache_key`, `its beginning`."""


def session_of(headers: Sequence[tuple[bytes, bytes]], peek: Peek) -> Session | None:
    """The conversation that a request goes on, if it can be known. `headers`: names in lower case. Never raises."""
    told = dict(reversed(headers))
    envelope = _envelope(peek.clues)
    return (
        _named(told.get(_CLAUDE_HEADER), "header x-claude-code-session-id")
        or _named(_claude_session(peek.clues), "metadata.user_id")
        or _in_headers(told)
        or _in_body(peek.clues)
        or (_in_body(envelope, "request.") if envelope is not None else None)
        or _by_beginning(envelope or peek.clues)
    )


# -- a conversation that has a name


def _in_headers(told: Mapping[bytes, bytes]) -> Session | None:
    for name, source in _HEADERS.items():
        if name in told and (session := _named(told[name], source)) is not None:
            return session
    return None


def _in_body(clues: Clues, where: str = "") -> Session | None:
    conversation = _value(clues.conversation)
    return (
        _named(_value(clues.session_id), f"{where}session_id")
        or _named(_value(clues.session_id_camel), f"{where}sessionId")
        or _named(_value(clues.prompt_cache_key), f"{where}prompt_cache_key")
        or _named(conversation, f"{where}conversation")
        or _named(_field(conversation, "id"), f"{where}conversation.id")
        or _named(_field(_value(clues.client_metadata), "session_id"), f"{where}client_metadata.session_id")
    )


def _claude_session(clues: Clues) -> object:
    """The session in what Claude Code calls the user's id: JSON in these days, a text with marks before.

    Any other user's id is none: it names a person, and would hold all of that person's conversations together.
    """
    user_id = _field(_value(clues.metadata), "user_id")
    if not isinstance(user_id, str):
        return None
    if user_id.startswith("{"):
        return _field(_loads(user_id.encode()), "session_id")
    marked = _CLAUDE_USER_ID.fullmatch(user_id)
    return marked[1] if marked else None


def _named(name: object, source: str) -> Session | None:
    """A session by its name, if that is one."""
    if isinstance(name, str):
        name = name.encode("utf-8", "surrogatepass")
    if not isinstance(name, bytes) or not (name := name.strip()):
        return None
    return Session(blake2b(name, digest_size=KEY_BYTES, person=b"name").digest(), source)


# -- one that is known by its beginning


def _by_beginning(clues: Clues) -> Session | None:
    """By what the operator says, and what the user says up to the first answer.

    Words count, and nothing else: marks for the cache move on with each turn, ids may be made anew. Of a request that
    goes on where a response ended, the beginning is not known here.
    """
    if _value(clues.previous_response_id):
        return None
    operators, users = _opening(_turns(clues))
    begins = (clues.system, clues.instructions, clues.system_instruction, clues.system_instruction_camel)
    operators = [text for raw in begins for text in _texts(_value(raw))] + operators
    if not any(text.strip() for text in users):
        return None
    digest = blake2b(digest_size=KEY_BYTES, person=b"beginning")
    for texts in (operators, users):
        for text in islice(filter(str.strip, map(_lasting, texts)), MAX_TEXTS):
            digest.update(text[:MAX_TEXT_CHARACTERS].encode("utf-8", "surrogatepass") + b"\0")
        digest.update(b"\1")
    return Session(digest.digest(), "its beginning")


def _lasting(text: str) -> str:
    """A text without what changes from one request of a conversation to the next."""
    return _BILLING_LINE.sub("", text, count=1) if text.startswith("x-anthropic-") else text


def _opening(turns: Iterable[object]) -> tuple[list[str], list[str]]:
    """What the operator says before the user, and what the user says before the first answer.

    Codex and others tell their surroundings in a first turn of the user's; the question stands in the second.
    """
    operators: list[str] = []
    users: list[str] = []
    spoken = False
    for turn in islice(turns, MAX_TURNS):
        role = _role(turn)
        if role == "user":
            spoken = True
            users += _texts(turn)
        elif role in _OPERATORS and not spoken:
            operators += _texts(turn)
        elif role not in _OPERATORS and spoken:
            break
    return operators, users


def _role(turn: object) -> str:
    """Who speaks; a text alone is the user's, and Gemini's users need not say who they are."""
    if not isinstance(turn, Mapping):
        return "user" if isinstance(turn, str) else ""
    role = turn.get("role") or ("user" if "parts" in turn else "")
    return role if isinstance(role, str) else ""


def _texts(said: object) -> Iterator[str]:
    """The words of a turn, of an operator's field, or of one of their parts."""
    if isinstance(said, Mapping):
        said = said.get("content") or said.get("parts") or [said]
    for part in islice(said, MAX_TEXTS) if isinstance(said, list) else (said,):
        text = part.get("text") if isinstance(part, Mapping) else part
        if isinstance(text, str):
            yield text


def _turns(clues: Clues) -> Iterator[object]:
    """The turns from the first on, each read when it is asked for: a long conversation is not read whole for two."""
    raw = next((raw for raw in (clues.messages, clues.input, clues.contents) if raw is not ABSENT), ABSENT)
    if bytes(memoryview(raw)[:1]) != b"[":
        yield _loads(bytes(memoryview(raw)[:MAX_READ_BYTES]))
        return
    place = 1
    for most in (FIRST_READ_BYTES, MAX_READ_BYTES):
        text = bytes(memoryview(raw)[:most]).decode("utf-8", "ignore")
        try:
            while True:
                turn, place = _TURN.raw_decode(text, _next(text, place))
                yield turn
        except (ValueError, RecursionError):
            pass  # the end of the list, or of what was read of it


def _next(text: str, place: int) -> int:
    """Where the next turn begins."""
    while text[place : place + 1] in _BETWEEN_TURNS:
        place += 1
    return place


# -- JSON that may be anything


def _envelope(clues: Clues) -> Clues | None:
    """What stands in Code Assist's envelope."""
    if clues.request is ABSENT:
        return None
    try:
        return _ENVELOPED.decode(clues.request)
    except (msgspec.DecodeError, RecursionError):
        return None


def _value(raw: msgspec.Raw) -> object:
    return None if raw is ABSENT else _loads(bytes(raw))


def _loads(text: bytes) -> object:
    try:
        value: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value


def _field(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, Mapping) else None
