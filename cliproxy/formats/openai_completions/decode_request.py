"""A prompt to be completed, read as a conversation of one message.

Source of shapes: the official SDK (openai 3.54, `types/completion_create_params.py`).
"""

from __future__ import annotations

from typing import Final

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Text
from cliproxy.conversation.request import Message, Request, Role
from cliproxy.errors import BadRequest
from cliproxy.formats.openai_chat.decode_request import choices_of, sampling_of, wants_usage
from cliproxy.formats.openai_chat.fields import Place, as_json
from cliproxy.formats.wire import Document

NAME: Final = "openai-completions"

_READ: Final = frozenset(
    {
        "model",
        "prompt",
        "max_tokens",
        "stop",
        "n",
        "temperature",
        "top_p",
        "top_k",
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "stream",
        "stream_options",
        "user",
    }
)
"""Top-level fields with a place in the neutral request; all others are carried as they stand."""


def decode_request(document: Document, losses: Losses) -> Request:
    """Raises `BadRequest` with the path of what cannot be understood."""
    place = Place(document)
    logprobs = place.integer("logprobs", least=0)
    return Request(
        format=NAME,
        model=place.required_text("model"),
        messages=(Message(Role.USER, (Text(_prompt(document)),)),),
        max_tokens=place.integer("max_tokens", least=1),
        stop=place.texts("stop"),
        choices=choices_of(place),
        sampling=sampling_of(place, None if logprobs is None else True, logprobs or None),
        stream=document.get("stream") is True,
        usage_in_stream=wants_usage(place),
        user=place.text("user") or "",
        extras={key: as_json(value) for key, value in document.items() if key not in _READ and value is not None},
    )


def echoed(request: Request) -> str:
    """The prompt, if the client wants it back before what is completed."""
    return request.conversation_seed if request.extras.get("echo") is True else ""


def _prompt(document: Document) -> str:
    """One text. Several would be several requests, and tokens are known to one vendor's models only."""
    prompt = document.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if prompt is None:
        raise BadRequest("prompt: Field required.")
    if not isinstance(prompt, str) or not prompt:
        raise BadRequest("prompt: A non-empty string, or a list of one, was expected.")
    return prompt
