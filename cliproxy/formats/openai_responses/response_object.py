"""The response object, which opens and ends a reply: what the model said, in the frame of what the client asked."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json
from cliproxy.conversation.request import Request
from cliproxy.conversation.usage import Usage
from cliproxy.formats import jsontext
from cliproxy.formats.codec import Framing
from cliproxy.formats.openai_responses.encode_request import instructions_of, write_reasoning, write_text
from cliproxy.formats.openai_responses.encode_tools import write_tool_choice, write_tools
from cliproxy.formats.openai_responses.usage import write_tool_usage, write_usage

Status = Literal["in_progress", "completed", "incomplete", "failed"]

_LARGE: Final = ("instructions", "text", "tools")
"""Of what repeats the request; the rest is written as fast as it is copied."""


class ResponseObject:
    """Writes the response as it stands. What repeats the request is written once: Codex declares 60 kB of tools."""

    def __init__(self, framing: Framing) -> None:
        self._framing = framing
        self._settings: dict[str, object] = {**_settings(framing)}
        for name in _LARGE:
            self._settings[name] = msgspec.Raw(jsontext.dumps(self._settings[name]))

    def write(
        self,
        status: Status,
        output: list[Json],
        usage: Usage | None = None,
        error: dict[str, Json] | None = None,
        incomplete: str | None = None,
    ) -> dict[str, object]:
        """As JSON that holds `msgspec.Raw`."""
        framing = self._framing
        return {
            "id": f"resp_{framing.seed}",
            "object": "response",
            "created_at": framing.created,
            "status": status,
            "background": False,
            "error": error,
            "incomplete_details": None if incomplete is None else {"reason": incomplete},
            "model": framing.model,
            "output": output,
            **self._settings,
            "usage": write_usage(usage),
            **write_tool_usage(usage),
        }


def _settings(framing: Framing) -> dict[str, Json]:
    """What the client asked, with the wire's own defaults where it did not say."""
    request, nothing = framing.request, Losses()
    sampling = request.sampling
    reasoning = write_reasoning(request.reasoning, nothing)
    return {
        "instructions": instructions_of(request.system[:1]) or None,
        "max_output_tokens": request.max_tokens,
        "max_tool_calls": _extra(request, "max_tool_calls"),
        "metadata": dict(request.metadata),
        "parallel_tool_calls": request.parallel_tool_calls is not False,
        "previous_response_id": _extra(request, "previous_response_id"),
        "prompt_cache_key": request.cache_key or None,
        "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
        "safety_identifier": request.user or None,
        "service_tier": request.service_tier or "default",
        "store": False,
        "temperature": 1.0 if sampling.temperature is None else sampling.temperature,
        "text": {"format": {"type": "text"}, **write_text(request.output, request.verbosity)},
        "tool_choice": "auto"
        if request.tool_choice is None
        else write_tool_choice(request.tool_choice, request.tools, nothing),
        "tools": write_tools(request.tools, True, nothing),
        "top_logprobs": sampling.top_logprobs or 0,
        "top_p": 1.0 if sampling.top_p is None else sampling.top_p,
        "truncation": _extra(request, "truncation") or "disabled",
    }


def _extra(request: Request, name: str) -> Json:
    return request.extras.get(name)
