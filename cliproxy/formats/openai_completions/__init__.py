"""OpenAI's older completions: a dialect of Chat, whose errors and figures it shares, that only clients speak."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final, NoReturn

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json
from cliproxy.conversation.reply import Reply
from cliproxy.conversation.request import Request
from cliproxy.formats.codec import Codec, ReplyDecoder, Target
from cliproxy.formats.openai_chat.encode_request import LIMITS
from cliproxy.formats.openai_chat.errors import error_body, error_event, error_message, is_error, trouble
from cliproxy.formats.openai_chat.usage import usage_in
from cliproxy.formats.openai_completions.decode_request import NAME, decode_request
from cliproxy.formats.openai_completions.encode_reply import CompletionEncoder, encode_reply
from cliproxy.formats.openai_completions.support import SAYS, SUPPORT
from cliproxy.formats.requests import peek
from cliproxy.formats.wire import SILENT_HEARTBEAT, Document, Mark, WireFormat


def mark(event: Document) -> Mark:
    """What a chunk means for a stream's fate."""
    if is_error(event):
        return Mark.FAILED
    choices = event.get("choices")
    found = [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []
    if any(choice.get("finish_reason") for choice in found):
        return Mark.ENDING
    return Mark.CONTENT if any(choice.get("text") for choice in found) else Mark.OPENING


OPENAI_COMPLETIONS: Final = WireFormat(
    name=NAME,
    peek=peek,
    mark=mark,
    trouble=trouble,
    usage_in=usage_in,
    error_message=error_message,
    error_body=error_body,
    error_event=error_event,
    heartbeat=SILENT_HEARTBEAT,
    model_in_reply=("model",),
    model_in_event=("model",),
    statuses=MappingProxyType({529: 503}),
    end_mark=b"[DONE]",
)


def _no_upstream() -> NoReturn:
    raise LookupError("no upstream speaks the older completions")


def encode_request(request: Request, target: Target, losses: Losses) -> dict[str, Json]:
    """Raises `LookupError`."""
    _no_upstream()


def reply_decoder() -> ReplyDecoder:
    """Raises `LookupError`."""
    _no_upstream()


def decode_reply(document: Document) -> Reply:
    """Raises `LookupError`."""
    _no_upstream()


def no_count(document: Document) -> int | None:
    """The wire has no token counter, so nothing is the answer of one."""
    return None


CODEC: Final = Codec(
    decode_request=decode_request,
    encode_request=encode_request,
    reply_decoder=reply_decoder,
    decode_reply=decode_reply,
    reply_encoder=CompletionEncoder,
    encode_reply=encode_reply,
    decode_count=no_count,
    encode_count=None,
    limits=LIMITS,
    says=SAYS,
    support=SUPPORT,
)

__all__ = ["CODEC", "OPENAI_COMPLETIONS"]
