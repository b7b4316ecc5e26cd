"""A request: who said what so far, which tools there are, and how the answer is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Literal, TypeAlias

import attrs

from cliproxy.conversation.parts import CacheMark, Json, JsonObject, Part, Text


class Role(Enum):
    """Who speaks. Results of tools stand in messages of the user's."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    DEVELOPER = "developer"
    """OpenAI's newer word for the operator. Where a wire has one of the two words, both are written as that."""


@attrs.frozen
class Message:
    """One turn. Neighbours of one role are left apart as the client sent them; an encoder joins them if it must."""

    role: Role
    parts: tuple[Part, ...]
    name: str = ""
    """OpenAI's name of a participant."""


@attrs.frozen
class Function:
    """A tool of the client's, with arguments by a schema."""

    name: str
    description: str = ""
    parameters: JsonObject | None = attrs.field(default=None, repr=False, hash=False)
    """JSON Schema; None if the client gave none."""
    strict: bool | None = None
    namespace: str = ""
    """Responses groups tools; elsewhere such a tool is called `namespace__name`."""
    cache: CacheMark | None = None
    extras: JsonObject = attrs.field(factory=dict, repr=False, hash=False)
    """What only its own format says of it, by wire name."""


@attrs.frozen
class Custom:
    """A tool of the client's that takes free text."""

    name: str
    description: str = ""
    syntax: str = ""
    """`lark` or `regex`; empty: any text."""
    grammar: str = attrs.field(default="", repr=False)
    namespace: str = ""


@attrs.frozen
class ServerTool:
    """A tool that the vendor runs."""

    kind: str
    """`web_search`, `web_fetch`, `code_execution`, or the vendor's own word."""
    format: str
    """The wire format that named it."""
    allowed_domains: tuple[str, ...] = ()
    blocked_domains: tuple[str, ...] = ()
    max_uses: int | None = None
    location: Mapping[str, str] | None = attrs.field(default=None, hash=False)
    """`city`, `region`, `country`, `timezone`."""
    raw: JsonObject = attrs.field(factory=dict, repr=False, hash=False)
    """As it stood there."""


Tool: TypeAlias = "Function | Custom | ServerTool"


@attrs.frozen
class ToolChoice:
    """Whether tools must, may or must not be called; with names, only those."""

    mode: Literal["auto", "required", "none"]
    names: tuple[str, ...] = ()
    """With `required` and one name, that tool is forced. A tool in a namespace as `namespace__name`."""


Effort = Literal["minimal", "low", "medium", "high", "xhigh", "max"]


@attrs.frozen
class Reasoning:
    """How much the model is to think, and what is shown of it: two questions. None means: the client did not say.

    `off` excludes effort and budget.
    """

    mode: Literal["off", "on", "auto"] | None = None
    """`auto`: the model decides (Anthropic's adaptive, Gemini's budget of -1)."""
    effort: Effort | None = None
    budget: int | None = None
    """In tokens, above 0."""
    show: bool | None = None
    detail: Literal["auto", "concise", "detailed"] | None = None
    """Of the summary that is shown."""


@attrs.frozen
class Sampling:
    """How tokens are drawn. None: as the vendor does by default."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: JsonObject | None = attrs.field(default=None, hash=False)
    logprobs: bool | None = None
    top_logprobs: int | None = None


@attrs.frozen
class Output:
    """The shape of the answer."""

    kind: Literal["text", "json", "schema"] = "text"
    schema: JsonObject | None = attrs.field(default=None, repr=False, hash=False)
    name: str = ""
    description: str = ""
    strict: bool | None = None


@attrs.frozen
class Request:
    """Everything a client asks, whatever format it came in."""

    format: str
    """The wire format it was read from."""
    model: str
    messages: tuple[Message, ...]
    system: tuple[Text, ...] = ()
    """What the operator says before everything else; later words of the operator's are messages."""
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    choices: int = 1
    """How many answers (`n`, `candidateCount`)."""
    sampling: Sampling = Sampling()
    reasoning: Reasoning = Reasoning()
    output: Output = Output()
    verbosity: str | None = None
    """`low`, `medium`, `high`."""
    stream: bool = False
    usage_in_stream: bool = True
    """Whether the client wants usage told in a stream (OpenAI Chat's `stream_options.include_usage`)."""
    user: str = ""
    """A stable name for the end user: Anthropic's `metadata.user_id`, OpenAI's `safety_identifier` or `user`."""
    metadata: JsonObject = attrs.field(factory=dict, repr=False, hash=False)
    """Labels (OpenAI's `metadata`, Gemini's `labels`)."""
    service_tier: str | None = None
    """OpenAI's words: `auto`, `default`, `flex`, `priority`."""
    cache_key: str = ""
    """OpenAI's `prompt_cache_key`."""
    cache: CacheMark | None = None
    """Anthropic's automatic caching of the whole prompt."""
    store: bool | None = None
    extras: JsonObject = attrs.field(factory=dict, repr=False, hash=False)
    """Top-level fields that only its own format knows, by wire name, as they stood."""

    @property
    def conversation_seed(self) -> str:
        """The first words of the user's: the same in every request of one conversation."""
        for message in self.messages:
            if message.role is Role.USER:
                for part in message.parts:
                    if isinstance(part, Text) and part.text:
                        return part.text
        return ""


__all__ = [
    "Custom",
    "Effort",
    "Function",
    "Json",
    "Message",
    "Output",
    "Reasoning",
    "Request",
    "Role",
    "Sampling",
    "ServerTool",
    "Tool",
    "ToolChoice",
]
