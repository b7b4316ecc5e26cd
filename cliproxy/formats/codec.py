"""Between one wire format and the neutral conversation: what every format must bring to be translated, as values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Final, Literal, Protocol

import attrs

from cliproxy.conversation.events import Event
from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json
from cliproxy.conversation.reply import Reply
from cliproxy.conversation.request import Request
from cliproxy.formats.wire import Document


@attrs.frozen
class Limits:
    """What a format's servers bear: whatever exceeds it is fitted before its encoder sees it."""

    name_pattern: str
    """Names of tools match it from beginning to end."""
    name_length: int
    id_pattern: str
    """Ids of tool calls."""
    id_length: int
    custom_tools: bool
    """Tools that take free text. Without, or where the dialect has none, they become functions with one string."""
    namespaces: bool
    stops: int
    """How many stop sequences; 0: none, so that they are emulated."""
    choices: bool
    """Several answers to one request. Without, the request is asked several times."""
    system_anywhere: bool
    """The operator may speak in mid-conversation. Without, it becomes a marked text of the user's."""
    json_mode: bool
    """The answer can be held to JSON without a schema."""
    answers_all_calls: bool
    """Every call must have its result, right behind it."""
    blank_stops: bool = True
    """A stop sequence may be of white space alone. Without, all of them are emulated where one is."""


BackendName = Literal["", "codex", "code-assist"]
"""The servers behind ChatGPT's and Google's logins; empty: one that is open to every client of its wire."""


@attrs.frozen
class Dialect:
    """How one upstream differs from others that speak the same format. The defaults fit most."""

    max_tokens_key: str = "max_tokens"
    """OpenAI Chat: every compatible server knows `max_tokens`; OpenAI's newer models want `max_completion_tokens`."""
    developer_role: bool = False
    """OpenAI Chat: the server knows `developer`; else `system` is written."""
    custom_tools: bool = True
    """OpenAI: free-form tools are known, beside functions."""
    tool_images: bool = False
    """OpenAI Chat: images may stand in a tool's message; else they follow in one of the user's."""
    replays_reasoning: bool = False
    """OpenAI Chat: `reasoning_content` must come back on turns with tool calls, be it empty (DeepSeek, Kimi)."""
    reasoning_with_tools: bool = True
    """OpenAI Chat: `reasoning_effort` may stand beside `tools`."""
    json_schema: bool = True
    """Gemini: schemas go as JSON Schema; else, cleaned, as the protobuf's."""
    call_ids: bool = True
    """Gemini: calls and results may carry an id."""
    refuses: frozenset[str] = frozenset()
    """Top-level fields of the wire that this upstream answers with an error: they are left out, and named as a loss."""
    backend: BackendName = ""
    """A server that its vendor built for its own client: `translate.backends` keeps its rules beside the wire's."""
    project: str = ""
    """Code Assist: the Google Cloud project that a request is for."""


@attrs.frozen
class Target:
    """Whom a request is written for."""

    model: str
    """As the upstream calls it."""
    dialect: Dialect = Dialect()
    max_output_tokens: int | None = None
    """The model's own limit, where it is known."""


@attrs.frozen
class Framing:
    """What an encoder of replies needs to know beside the reply."""

    request: Request
    """What the client asked: some wires repeat it in the answer."""
    model: str
    """As the client calls it."""
    seed: str
    """Lower-case letters and digits, another one for each request: every id of the reply is made of it."""
    created: int
    """Unix time in seconds."""
    input_estimate: int = 0
    """Tokens of the prompt, for wires that tell them before the upstream does."""
    array: bool = False
    """Gemini without `alt=sse`: a stream is one JSON array."""


class ReplyDecoder(Protocol):
    """Follows one streamed reply of an upstream's. Never raises, whatever comes."""

    def feed(self, document: Document) -> Sequence[Event]:
        """What one event of the stream says. After `Ended` or `Failed` nothing."""

    def finish(self) -> Sequence[Event]:
        """What is left to say at the end of the body, or at the wire's own end mark: `Ended`, or `Failed` where the
        reply is not whole. Again called: nothing.
        """


class ReplyEncoder(Protocol):
    """Writes one streamed reply for a client."""

    def feed(self, event: Event) -> bytes:
        """Whole events of the wire, or nothing. After `Ended` or `Failed` nothing."""


class Support(Enum):
    """What becomes of a field that a client of another format gave."""

    EXACT = "exact"
    EMULATED = "emulated"
    """The same effect in another way, named as such."""
    LOST = "lost"
    """Left out, and named."""


Field = Literal[
    "system",
    "system in mid-conversation",
    "images by bytes",
    "images by URL",
    "documents",
    "audio",
    "thinking of earlier turns",
    "tools",
    "free-form tools",
    "tool namespaces",
    "web search",
    "tool choice: auto, required, none",
    "tool choice: one tool",
    "tool choice: some tools",
    "parallel tool calls off",
    "images in tool results",
    "errors of tools",
    "max tokens",
    "stop sequences",
    "several choices",
    "temperature, top_p",
    "top_k",
    "seed",
    "penalties",
    "logit bias",
    "logprobs",
    "thinking: effort",
    "thinking: budget",
    "thinking: visibility",
    "JSON output",
    "JSON Schema output",
    "verbosity",
    "cache marks",
    "cache key",
    "end user",
    "metadata",
    "service tier",
    "store",
    "citations",
]
"""What a request, or its reply, can say: the rows of the table in docs/translation.md."""


@attrs.frozen
class Codec:
    """One wire format, in both directions. All of it is pure."""

    decode_request: Callable[[Document, Losses], Request]
    """Raises `BadRequest` with the path of what cannot be understood. Fields it does not know go to `extras`; parts it
    does not know become `VendorPart`.
    """
    encode_request: Callable[[Request, Target, Losses], dict[str, Json]]
    """The body for an upstream. The request has been fitted to `limits`. What the wire cannot say is noted."""
    reply_decoder: Callable[[], ReplyDecoder]
    decode_reply: Callable[[Document], Reply]
    """Raises `Broken` for what is no reply, `Reported` for an error in the place of one."""
    reply_encoder: Callable[[Framing], ReplyEncoder]
    encode_reply: Callable[[Reply, Framing], bytes]
    decode_count: Callable[[Document], int | None]
    """Tokens, from the answer of the wire's token counter; None if it is none."""
    encode_count: Callable[[int], bytes] | None
    """The answer of the wire's token counter; None: it has none."""
    limits: Limits
    says: Mapping[Field, Literal[True]]
    """What a client of this format can ask for."""
    support: Mapping[Field, Support]
    """What becomes of each field when it is written in this format, with the fitting. Every field is there."""


NO_CALL_ID: Final = "call_none_"
"""How an id begins that was made for a call which came without one: it is not told to a wire that can do without."""
