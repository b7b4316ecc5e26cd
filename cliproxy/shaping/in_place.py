"""What fitting a request to its model changes in a client's own body: for upstreams of the client's own format.

So much is done only where the proxy itself chose another model than the client named, by an alias, or turned thinking
on, by a suffix: then the client cannot know what that model refuses. Otherwise its bytes are its own affair.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from cliproxy.conversation.parts import Json
from cliproxy.conversation.request import Request
from cliproxy.shaping.changes import Change, Path, Remove, Set
from cliproxy.shaping.reasoning_fields import Document, changes_for_reasoning

_SAMPLING: Final = (
    *("temperature", "top_p", "top_k"),
    *("presence_penalty", "frequency_penalty", "logprobs", "top_logprobs"),
)
_FREE_CHOICE: Final[Mapping[str, Json]] = MappingProxyType(
    {"anthropic": {"type": "auto"}, "openai-chat": "auto", "openai-responses": "auto"}
)
"""How a wire says that tools may be called. Models behind other wires refuse no choice."""
_LIMITS: Final[Mapping[str, Path]] = MappingProxyType(
    {"anthropic": ("max_tokens",), "openai-responses": ("max_output_tokens",)}
)


def changes_between(wire: str, asked: Request, fitted: Request, document: Document) -> tuple[Change, ...]:
    """The changes that make of `document`, which asks `asked`, one that asks `fitted`."""
    return tuple(_changes(wire, asked, fitted, document))


def _changes(wire: str, asked: Request, fitted: Request, document: Document) -> Iterator[Change]:
    if asked.reasoning != fitted.reasoning:
        yield from changes_for_reasoning(wire, fitted.reasoning, document)
    for name in _SAMPLING:
        if getattr(asked.sampling, name) != getattr(fitted.sampling, name):
            yield Remove((name,))
    if asked.tool_choice != fitted.tool_choice and wire in _FREE_CHOICE:
        yield Set(("tool_choice",), _FREE_CHOICE[wire])
    if asked.max_tokens != fitted.max_tokens and wire in _LIMITS:
        yield Set(_LIMITS[wire], fitted.max_tokens)
