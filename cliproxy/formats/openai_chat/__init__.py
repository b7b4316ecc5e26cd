"""OpenAI Chat Completions: requests and replies in both directions, and the words for errors.

Source of shapes: the official SDK (openai 3.54, `types/chat`), and the documentation of the servers that extend it.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from cliproxy.formats.codec import Codec
from cliproxy.formats.openai_chat.decode_parts import NAME
from cliproxy.formats.openai_chat.decode_reply import ChatReplyDecoder, decode_reply
from cliproxy.formats.openai_chat.decode_request import decode_request
from cliproxy.formats.openai_chat.encode_reply import ChatReplyEncoder, encode_reply
from cliproxy.formats.openai_chat.encode_request import LIMITS, encode_request
from cliproxy.formats.openai_chat.errors import error_body, error_event, error_message, trouble
from cliproxy.formats.openai_chat.marks import mark
from cliproxy.formats.openai_chat.support import SAYS, SUPPORT
from cliproxy.formats.openai_chat.usage import usage_in
from cliproxy.formats.requests import peek
from cliproxy.formats.wire import SILENT_HEARTBEAT, Document, WireFormat

OPENAI_CHAT: Final = WireFormat(
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


def no_count(document: Document) -> int | None:
    """The wire has no token counter, so nothing is the answer of one."""
    return None


CODEC: Final = Codec(
    decode_request=decode_request,
    encode_request=encode_request,
    reply_decoder=ChatReplyDecoder,
    decode_reply=decode_reply,
    reply_encoder=ChatReplyEncoder,
    encode_reply=encode_reply,
    decode_count=no_count,
    encode_count=None,
    limits=LIMITS,
    says=SAYS,
    support=SUPPORT,
)

__all__ = ["CODEC", "OPENAI_CHAT", "error_body"]
