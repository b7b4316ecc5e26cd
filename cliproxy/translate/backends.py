"""Servers that vendors built for their own clients: what their wires' requests and replies go through besides.

Each step is for every client: for one of the same wire, whose bytes pass, as for one whose request is translated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import attrs

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json
from cliproxy.formats.codec import BackendName, Dialect
from cliproxy.formats.wire import Operation, WireFormat
from cliproxy.shaping.changes import Change
from cliproxy.translate import code_assist, codex_backend
from cliproxy.translate.code_assist import UnwrappedBody, UnwrappedStream
from cliproxy.translate.readers import ReplyHead
from cliproxy.translate.rebuilt import CollectedBody, RebuiltOutput
from cliproxy.translate.rework import Rework


@attrs.frozen
class Backend:
    """One of them."""

    changes: Callable[[Mapping[str, Json], bytes | None, Operation, Dialect, Losses], Sequence[Change]] | None = None
    """What must be another in a request's document; if that is a client's own, its bytes come along. Raises
    `BadRequest` for what cannot be asked here.
    """
    must_be_translated: Callable[[bytes], bool] | None = None
    """Whether a request in the backend's own wire cannot be changed in place, so that it has to be written anew."""
    sent: Callable[[bytes, str, Dialect, Operation, Losses], bytes] | None = None
    """What goes out in the place of a body that is ready, for a model."""
    rework: Callable[[ReplyHead], Rework | None] | None = None
    """What a success goes through before it is read; None: it is read as it is."""
    collected: Callable[[WireFormat], Rework] | None = None
    """The same for a stream whose client speaks the backend's own wire and wants none: nothing else is to be had."""


def _rebuilt(head: ReplyHead) -> Rework | None:
    return RebuiltOutput() if head.is_stream else None


def _unwrapped(head: ReplyHead) -> Rework:
    return UnwrappedStream() if head.is_stream else UnwrappedBody()


BACKENDS: Final[Mapping[BackendName, Backend]] = MappingProxyType(
    {
        "": Backend(),
        "codex": Backend(
            changes=codex_backend.changes_for_backend,
            must_be_translated=codex_backend.must_be_translated,
            rework=_rebuilt,
            collected=CollectedBody,
        ),
        "code-assist": Backend(sent=code_assist.enveloped, rework=_unwrapped),
    }
)
