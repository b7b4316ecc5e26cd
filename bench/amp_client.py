"""Carries out the visits of `amp_visits`, fifty at once, and says what did not end as it should."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from bench.amp_visits import HOST, Ending, Visit
from bench.reply import Malformed, Reply

AT_ONCE: Final = 50
READ_BYTES: Final = 64 * 1024
VISIT_SECONDS: Final = 30.0
"""For one, on a busy machine."""
RESET: Final = struct.pack("ii", 1, 0)
_ERROR: Final = b"amp_upstream_proxy_error"


class Wrong(Exception):
    """Something did not end as it should; the text says how it did."""


class Party:
    """All visitors together. State: what is still to be done, what was done, and what went wrong."""

    def __init__(self, port: int) -> None:
        self.done: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._port = port

    async def carry_out(self, visits: Iterable[Visit]) -> None:
        """All of these, `AT_ONCE` at a time."""
        rest = iter(visits)
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._one_after_the_other(rest))

    async def _one_after_the_other(self, rest: Iterator[Visit]) -> None:
        """Over one connection, as long as it may be kept."""
        visitor: Visitor | None = None
        for visit in rest:
            self.done[visit.kind] += 1
            try:
                async with asyncio.timeout(VISIT_SECONDS):
                    if visitor is None:
                        visitor = await Visitor.arrive(self._port)
                    visitor = await visitor.carry_out(visit)
            except (Wrong, OSError, EOFError, TimeoutError) as error:
                self.wrong.append(f"{visit.kind}, to end {visit.ending.name}: {type(error).__name__} {error}")
                if visitor is not None:
                    visitor.leave()
                visitor = None
        if visitor is not None:
            visitor.leave()


class Visitor:
    """One connection to the daemon."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._reply = Reply()
        self._body = bytearray()
        self._broken = False

    @classmethod
    async def arrive(cls, port: int) -> Visitor:
        """Connect."""
        return cls(*await asyncio.open_connection(HOST.decode(), port))

    def leave(self, *, resets: bool = False) -> None:
        """Close the connection, whatever is under way on it."""
        if resets and not self._writer.is_closing():
            self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._writer.transport.abort()

    async def carry_out(self, visit: Visit) -> Visitor | None:
        """Ask, and see how it ends; gives itself if the connection may be kept. Raises `Wrong`."""
        self._reply, self._body, self._broken = Reply(), bytearray(), False
        self._writer.write(visit.request)
        if visit.socket is not None:
            await self._switch(visit)
        if visit.ending is Ending.LEFT:
            await self._leave(visit)
            return None
        await self._read(len(visit.answer) if visit.socket is not None else None)
        self._check(visit)
        if visit.socket is None and self._reply.done and self._reply.keep_alive:
            return self
        self.leave()
        return None

    async def _switch(self, visit: Visit) -> None:
        while not self._reply.status and not self._broken:
            await self._read_some()
        if self._reply.status == 101 and visit.socket is not None:
            self._writer.write(visit.socket)

    async def _leave(self, visit: Visit) -> None:
        if visit.leaves_after is None:
            await asyncio.sleep(visit.waits)
        else:
            read = 0
            while read < visit.leaves_after:
                piece = await self._reader.read(visit.leaves_after - read)
                if not piece:
                    raise Wrong("the answer ended first")
                read += len(piece)
        self.leave(resets=visit.resets)

    async def _read(self, most: int | None) -> None:
        """To the end of the answer, or of the connection, or of so many bytes."""
        while not (self._reply.done or self._broken or (most is not None and len(self._body) >= most)):
            await self._read_some()

    async def _read_some(self) -> None:
        try:
            data = await self._reader.read(READ_BYTES)
            if data:
                self._body += self._reply.feed(data)
            else:
                self._reply.close()
                self._broken = not self._reply.done
        except (ConnectionError, Malformed):
            self._broken = True

    def _check(self, visit: Visit) -> None:
        status, body, whole = self._reply.status, bytes(self._body), self._reply.done and not self._broken
        if visit.socket is not None:
            whole = len(body) == len(visit.answer)
        seen = f"status {status}, {len(body)} bytes of {len(visit.answer)}, {'whole' if whole else 'broken off'}"
        refused = status == 502 and whole and _ERROR in body
        broken = status in (101, 200) and (not whole or visit.socket is not None) and visit.answer.startswith(body)
        fine = {
            Ending.WHOLE: status in (101, 200) and whole and body == visit.answer,
            Ending.REFUSED: refused,
            Ending.BROKEN: broken and body == visit.answer,
            Ending.REFUSED_OR_BROKEN: refused or broken,
            Ending.LEFT: True,
        }
        if not fine[visit.ending]:
            raise Wrong(seen)
