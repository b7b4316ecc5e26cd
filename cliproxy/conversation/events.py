"""How a reply comes, piece by piece: ten events.

    Started (Opened (Delta | Signed | Cited)* Closed | Used)* Finished+ Used? Ended
    at any point instead of the rest: Failed

Parts have numbers from 0 in the order in which they are opened. Several may be open at once, as parallel tool calls
are on OpenAI's wires; an encoder whose wire knows no such thing puts them in sequence (`sequence.py`). All parts of a
choice are closed before it is finished. `Ended` comes exactly once, and nothing after it or after `Failed`.
"""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias

import attrs

from cliproxy.conversation.parts import Blob, Citation, Json, Part
from cliproxy.conversation.usage import Usage


class Stop(Enum):
    """Why the model stopped."""

    END = "end"
    TOOLS = "tools"
    """It called tools and waits for what they give."""
    LENGTH = "length"
    """The limit of output was reached: what stands last may be cut off."""
    SEQUENCE = "sequence"
    """One of the client's stop sequences came up."""
    REFUSAL = "refusal"
    """The model, or a filter, declined."""
    PAUSE = "pause"
    """Anthropic: a long turn of server tools rests; the client is to send it back as it is."""
    CONTEXT = "context"
    """The context window is full."""


@attrs.frozen
class Started:
    """The reply begins."""

    id: str = ""
    """The upstream's."""
    model: str = ""
    """As the upstream calls it."""
    usage: Usage | None = None
    """What is known already: Anthropic tells the input first."""


@attrs.frozen
class Opened:
    """A part begins. Of text, thinking, refusals and calls it carries what is known before the first delta: no text
    yet, a call's id and name. Any other part is whole.
    """

    index: int
    part: Part
    choice: int = 0


@attrs.define(unsafe_hash=True)
class Delta:
    """More of a part's text; of a call, of its arguments. Never empty.

    Nobody changes one either. It is not frozen because to make a frozen one takes more than twice as long, and streams
    consist of them.
    """

    index: int
    text: str
    logprobs: Json = None
    """As OpenAI Chat writes them: a list of `{token, logprob, bytes, top_logprobs}`."""


@attrs.frozen
class Signed:
    """The part's blob, once, with its final value."""

    index: int
    blob: Blob


@attrs.frozen
class Cited:
    """One more citation of a text part."""

    index: int
    citation: Citation


@attrs.frozen
class Closed:
    """A part is whole."""

    index: int


@attrs.frozen
class Used:
    """Usage so far; each one replaces the one before."""

    usage: Usage


@attrs.frozen
class Finished:
    """A choice is whole."""

    stop: Stop
    sequence: str | None = None
    """The stop sequence that came up, where the vendor says."""
    detail: str = ""
    """The vendor's own word, or its explanation."""
    choice: int = 0


@attrs.frozen
class Ended:
    """The reply is whole."""


@attrs.frozen
class Failed:
    """The reply broke, by the upstream's own report or because it stopped short."""

    status: int
    """An HTTP status that says the same."""
    message: str
    context_overflow: bool = False
    """The prompt is too long: clients compact their history when they are told so in their own words."""
    early_end: bool = False
    """Nobody reported anything: the stream stopped short."""
    retry_after: float | None = None
    """Seconds until it is worth asking again, where the upstream said so."""


Event: TypeAlias = "Started | Opened | Delta | Signed | Cited | Closed | Used | Finished | Ended | Failed"
