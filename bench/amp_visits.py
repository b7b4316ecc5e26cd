"""What is asked of Amp's door in the benchmark, by chance from a seed: what ends well, and what does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import Enum, auto
from random import Random
from typing import Final

import attrs

from bench.amp_plane import KEPT_BYTES, PIECE_BYTES, chunk, cut_gzip, digest, event, pattern

HOST: Final = b"127.0.0.1"
SMALL_BYTES: Final = 2_000
MANY_BYTES: Final = 200_000
LARGE_BYTES: Final = 4_000_000
"""More than all the buffers on the way hold: who leaves in the midst of it leaves much behind."""
UPLOAD_BYTES: Final = (70_000, 600_000)
"""Small ones are sent when they are whole; from here on they are handed on as they come."""
MAX_EVENTS: Final = 200
SOCKET_BYTES: Final = 30_000
PATHS: Final = (b"/api/threads", b"/api/internal", b"/api/telemetry", b"/api/user")
"""With the three segments behind which `amp_plane` looks for what to do, its own one among them."""


class Ending(Enum):
    """How an exchange ends."""

    WHOLE = auto()
    """The answer is the one that is expected, to its last byte."""
    REFUSED = auto()
    """502, since the control plane broke off before there was an answer."""
    BROKEN = auto()
    """The answer comes as far as the control plane told it, and the client can see that it breaks off there."""
    REFUSED_OR_BROKEN = auto()
    """One of these: a reset may overtake what was sent before it."""
    LEFT = auto()
    """The client leaves."""


@attrs.frozen
class Visit:
    """One exchange, and how it is to end."""

    kind: str
    request: bytes = attrs.field(repr=False)
    """Head and body. Whoever leaves in the midst of it has only the beginning here."""
    ending: Ending
    answer: bytes = attrs.field(default=b"", repr=False)
    """The body that is expected; of one that breaks off, what it may not go beyond."""
    leaves_after: int | None = None
    """Bytes of the answer, with its head, after which the client leaves."""
    waits: float = 0.0
    """Seconds until the client leaves, if it does and has asked."""
    socket: bytes | None = attrs.field(default=None, repr=False)
    """What is sent once the connection is no HTTP any more, and comes back."""
    resets: bool = False
    """The client leaves by a reset."""


def visits(seed: int, count: int, key: str) -> Iterator[Visit]:
    """So many of them, the same for the same seed. A third ends before its time, from either side."""
    chance = Random(seed)
    makers, weights = zip(*_MAKERS, strict=True)
    for _ in range(count):
        (maker,) = chance.choices(makers, weights)
        yield maker(chance, key.encode())


def _head(chance: Random, key: bytes, method: bytes, what: str, *lines: bytes) -> bytes:
    told = (b"Host: " + HOST, b"Authorization: Bearer " + key, b"User-Agent: bench", b"Accept: */*", *lines)
    target = chance.choice(PATHS) + b"/" + what.encode()
    return b"\r\n".join((method + b" " + target + b" HTTP/1.1", *told, b"", b""))


def _get(chance: Random, key: bytes, what: str) -> bytes:
    return _head(chance, key, b"GET", what)


def _upload(chance: Random, key: bytes, what: str, body: bytes) -> bytes:
    """With its length or in chunks."""
    if chance.random() < 0.5:
        return _head(chance, key, b"POST", what, b"Content-Length: %d" % len(body)) + body
    pieces = [chunk(body[at : at + PIECE_BYTES]) for at in range(0, len(body), PIECE_BYTES)]
    return b"".join((_head(chance, key, b"POST", what, b"Transfer-Encoding: chunked"), *pieces, b"0\r\n\r\n"))


# -- those that end well


def _plain(chance: Random, key: bytes) -> Visit:
    size = chance.choice((0, 1, chance.randrange(SMALL_BYTES), chance.randrange(MANY_BYTES)))
    how = chance.choice(("plain", "chunks", "gzip"))
    return Visit(how, _get(chance, key, f"{how}/{size}"), Ending.WHOLE, pattern(size))


def _post(chance: Random, key: bytes) -> Visit:
    body = pattern(chance.randrange(1, SMALL_BYTES))
    return Visit("echo", _upload(chance, key, "echo", body), Ending.WHOLE, body)


def _streamed(chance: Random, key: bytes) -> Visit:
    body = pattern(chance.randrange(*UPLOAD_BYTES))
    return Visit("digest", _upload(chance, key, "digest", body), Ending.WHOLE, digest(body))


def _events(chance: Random, key: bytes) -> Visit:
    count = chance.randrange(1, MAX_EVENTS)
    return Visit("events", _get(chance, key, f"events/{count}"), Ending.WHOLE, b"".join(map(event, range(count))))


def _socket(chance: Random, key: bytes, *, what: str = "echo-socket", ending: Ending = Ending.WHOLE) -> Visit:
    """A connection that becomes another protocol's."""
    sent = pattern(chance.randrange(1, SOCKET_BYTES))
    # Who closes it: the control plane, once it has all, or the client, once it has it all back.
    limit = chance.choice((0, len(sent))) if ending is Ending.WHOLE else chance.randrange(1, len(sent) + 1)
    asked = _head(chance, key, b"GET", f"{what}/{limit}", b"Connection: Upgrade", b"Upgrade: bench")
    return Visit(what, asked, ending, sent, socket=sent)


# -- those that the client leaves


def _leaves_asking(chance: Random, key: bytes) -> Visit:
    """In the midst of its request's head."""
    request = _get(chance, key, "plain/10")
    return _left(chance, "leaves in its head", request[: chance.randrange(1, len(request))])


def _leaves_sending(chance: Random, key: bytes) -> Visit:
    """In the midst of its body."""
    body = pattern(chance.randrange(*UPLOAD_BYTES))
    request = _upload(chance, key, "digest", body)
    head = request.index(b"\r\n\r\n") + 4
    return _left(chance, "leaves in its upload", request[: chance.randrange(head, len(request))])


def _leaves_waiting(chance: Random, key: bytes) -> Visit:
    """Before the answer begins."""
    return _left(chance, "leaves before the head", _get(chance, key, f"late/{chance.randrange(50, 300)}"))


def _leaves_reading(chance: Random, key: bytes) -> Visit:
    """In the answer's head, or in the midst of its body."""
    what = chance.choice((f"plain/{LARGE_BYTES}", f"chunks/{LARGE_BYTES}", "endless", "plain/10"))
    taken = chance.choice((1, 30, chance.randrange(400, 40_000) if what != "plain/10" else 10))
    return _left(chance, f"leaves in {what.partition('/')[0]}", _get(chance, key, what), leaves_after=taken)


def _leaves_socket(chance: Random, key: bytes) -> Visit:
    """While bytes are on their way in both directions."""
    visit = _socket(chance, key)
    return attrs.evolve(visit, kind="leaves a socket", ending=Ending.LEFT, resets=chance.random() < 0.5)


def _left(chance: Random, kind: str, request: bytes, leaves_after: int | None = None) -> Visit:
    waits = chance.choice((0.0, 0.001, chance.random() * 0.03))
    resets = chance.random() < 0.5
    return Visit(kind, request, Ending.LEFT, leaves_after=leaves_after, waits=waits, resets=resets)


# -- those that the control plane cuts


def _cut_early(chance: Random, key: bytes) -> Visit:
    """Before its head, or in it."""
    what = f"{chance.choice(('cut', 'reset'))}/{chance.choice(('before', 'head'))}"
    return Visit(what, _get(chance, key, what), Ending.REFUSED)


def _cut_body(chance: Random, key: bytes) -> Visit:
    """In the midst of its answer."""
    how, where = chance.choice(("cut", "reset")), chance.choice(("counted", "chunked", "gzip"))
    ending = Ending.BROKEN if how == "cut" else Ending.REFUSED_OR_BROKEN
    most = cut_gzip() if where == "gzip" else pattern(KEPT_BYTES)
    return Visit(f"{how}/{where}", _get(chance, key, f"{how}/{where}"), ending, most)


def _cut_upload(chance: Random, key: bytes) -> Visit:
    """While the request's body arrives."""
    body = pattern(chance.randrange(*UPLOAD_BYTES))
    what = f"cut-upload/{chance.randrange(1, len(body))}"
    return Visit("cut-upload", _upload(chance, key, what, body), Ending.REFUSED)


def _cut_socket(chance: Random, key: bytes) -> Visit:
    """A connection that is no HTTP any more."""
    return _socket(chance, key, what="cut-socket", ending=Ending.REFUSED_OR_BROKEN)


_MAKERS: Final[Sequence[tuple[Callable[[Random, bytes], Visit], int]]] = (
    (_plain, 30),
    (_post, 15),
    (_streamed, 8),
    (_events, 8),
    (_socket, 6),
    (_leaves_asking, 3),
    (_leaves_sending, 4),
    (_leaves_waiting, 4),
    (_leaves_reading, 6),
    (_leaves_socket, 3),
    (_cut_early, 4),
    (_cut_body, 4),
    (_cut_upload, 3),
    (_cut_socket, 2),
)
"""How many of each there are in a hundred."""
