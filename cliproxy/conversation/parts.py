"""What a message is made of: typed parts, the same in requests and in replies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import attrs

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = "Mapping[str, Json]"

Ttl = Literal["5m", "1h"]
MediaKind = Literal["image", "document", "audio", "video"]


@attrs.frozen
class CacheMark:
    """A prompt-cache breakpoint: everything up to and including what carries it may be cached."""

    ttl: Ttl | None = None
    """None: as long as the vendor does by default."""


@attrs.frozen
class Blob:
    """What a vendor wants back byte for byte, and nobody else can read: a thinking signature, encrypted reasoning."""

    value: str
    vendor: str = ""
    """Who made it. Empty as long as it is not known: as a client sent it."""


@attrs.frozen
class Citation:
    """Where a piece of text comes from. Positions count code points of the text part that carries it."""

    url: str
    title: str = ""
    quote: str = ""
    """What the source says there."""
    start: int | None = None
    end: int | None = None


@attrs.frozen
class Text:
    """Words that are shown."""

    text: str
    cache: CacheMark | None = None
    citations: tuple[Citation, ...] = ()
    blob: Blob | None = None
    """Gemini signs visible text too."""


@attrs.frozen
class Refusal:
    """Words by which the model declines."""

    text: str


@attrs.frozen
class Inline:
    """Content in the message itself."""

    media_type: str
    """Such as `image/png`; empty if nobody said."""
    data: str = attrs.field(repr=False)
    """Standard base64, without a `data:` beginning."""


@attrs.frozen
class Link:
    """Content at a URL."""

    url: str
    media_type: str = ""


@attrs.frozen
class FileId:
    """Content that was uploaded to one vendor."""

    id: str
    format: str
    """Whose file store: the wire format that named it."""


@attrs.frozen
class Plain:
    """A document that is text."""

    text: str


Source: TypeAlias = "Inline | Link | FileId | Plain"


@attrs.frozen
class Media:
    """An image, a document, sound or film."""

    kind: MediaKind
    source: Source
    name: str = ""
    """File name or title."""
    context: str = ""
    """What Anthropic lets a client say about a document."""
    detail: str | None = None
    """`auto`, `low`, `high`, `original`: OpenAI's resolution of an image."""
    cited: bool = False
    """The client wants citations of this document."""
    cache: CacheMark | None = None


@attrs.frozen
class Thinking:
    """A stretch of reasoning."""

    text: str
    """What may be read of it; empty when only the blob was given."""
    blob: Blob | None = None
    redacted: bool = False
    """The vendor withholds the text: Anthropic's `redacted_thinking`, whose `data` is the blob."""


@attrs.frozen
class ToolCall:
    """The model calls one of the client's tools."""

    id: str
    name: str
    arguments: str = ""
    """JSON text of an object, kept as text so that every digit survives; of a custom tool, its free text."""
    custom: bool = False
    """A free-form tool: `arguments` is no JSON."""
    namespace: str = ""
    blob: Blob | None = None
    """Gemini signs calls."""
    cache: CacheMark | None = None


@attrs.frozen
class ToolResult:
    """What a tool gave. In requests only, in a message of the user's."""

    call_id: str
    content: tuple[Text | Media | VendorPart, ...]
    is_error: bool = False
    name: str = ""
    """The tool's, where the wire says it: Gemini matches by it."""
    custom: bool = False
    cache: CacheMark | None = None


@attrs.frozen
class Hit:
    """One thing that a web search found."""

    url: str
    title: str = ""
    age: str = ""
    blob: str = ""
    """Anthropic's `encrypted_content`."""


@attrs.frozen
class ServerCall:
    """The model calls a tool that the vendor runs."""

    id: str
    tool: str
    """`web_search`, `web_fetch`, `code_execution`, or the vendor's own word."""
    arguments: str = ""
    """JSON text of an object; for a web search `{"query": …}`."""
    raw: VendorPart | None = None


@attrs.frozen
class ServerResult:
    """What such a tool gave."""

    call_id: str
    tool: str
    hits: tuple[Hit, ...] = ()
    error: str = ""
    raw: VendorPart | None = None


@attrs.frozen
class VendorPart:
    """What one format alone has words for, as it stood there. No other format's encoder writes it: it is a loss."""

    format: str
    value: JsonObject = attrs.field(repr=False, hash=False)


Part: TypeAlias = "Text | Refusal | Media | Thinking | ToolCall | ToolResult | ServerCall | ServerResult | VendorPart"

EMPTY_ARGUMENTS: Final = "{}"
"""What a call without any arguments says."""
