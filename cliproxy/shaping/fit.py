"""A request fitted to what one model bears: what it would refuse is done in another way, or left out and named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from cliproxy.conversation.capabilities import Capabilities
from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Media, Part, Refusal, Text, Thinking
from cliproxy.conversation.request import Message, Reasoning, Request, Role, Sampling, ToolChoice
from cliproxy.shaping.thinking import FIELD as THINKING
from cliproxy.shaping.thinking import fit_reasoning, thinks

CONTINUE: Final = "Continue."
"""What the user says behind words that were put into the assistant's mouth."""
_OPERATOR: Final = frozenset({Role.SYSTEM, Role.DEVELOPER})
_SAMPLING: Final = (
    "temperature",
    "top_p",
    "top_k",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
)
"""All but the seed, which models that draw tokens in their own way ignore."""


def fit_to_model(request: Request, capabilities: Capabilities, losses: Losses) -> Request:
    """The request as the model takes it. A JSON Schema stays, whether or not `capabilities.structured`."""
    request = _with_limit(request, capabilities, losses)
    limit = request.max_tokens if request.max_tokens is not None else capabilities.max_output_tokens
    reasoning = fit_reasoning(request.reasoning, capabilities, limit, losses)
    request = _with_tool_choice(attrs.evolve(request, reasoning=reasoning), capabilities, losses)
    request = _with_sampling(request, capabilities, losses)
    if not capabilities.system_anywhere:
        request = _with_reminders(request, losses)
    return _without_prefill(request, capabilities, losses)


def _with_limit(request: Request, capabilities: Capabilities, losses: Losses) -> Request:
    most = capabilities.max_output_tokens
    if most is None or request.max_tokens is None or request.max_tokens <= most:
        return request
    losses.emulate("max_tokens", f"the model writes at most {most} tokens")
    return attrs.evolve(request, max_tokens=most)


# -- tool choice


def _with_tool_choice(request: Request, capabilities: Capabilities, losses: Losses) -> Request:
    choice = request.tool_choice
    if choice is None or choice.mode != "required":
        return request
    if not capabilities.forced_tools:
        losses.drop("tool_choice", "the model cannot be forced to call a tool")
        return attrs.evolve(request, tool_choice=_free(choice))
    if capabilities.forced_tools_while_thinking or not thinks(request.reasoning, capabilities):
        return request
    if capabilities.off:
        losses.emulate(THINKING, "off, because the model cannot be forced to call a tool while it thinks")
        return attrs.evolve(request, reasoning=Reasoning("off"))
    losses.drop("tool_choice", "the model cannot be forced to call a tool while it thinks")
    return attrs.evolve(request, tool_choice=_free(choice))


def _free(choice: ToolChoice) -> ToolChoice:
    """Of several tools, those that the client left out stay out; one that was forced is not made the only one."""
    return ToolChoice("auto", choice.names if len(choice.names) > 1 else ())


# -- sampling


def _with_sampling(request: Request, capabilities: Capabilities, losses: Losses) -> Request:
    sampling = request.sampling
    if not capabilities.sampling:
        sampling = _without(sampling, "the model draws tokens in its own way", losses)
    elif not capabilities.sampling_while_thinking and thinks(request.reasoning, capabilities):
        sampling = _without(sampling, "the model draws tokens in its own way while it thinks", losses)
    if sampling.temperature is not None and sampling.top_p is not None and not capabilities.temperature_with_top_p:
        losses.drop("top_p", "the model takes either this or temperature")
        sampling = attrs.evolve(sampling, top_p=None)
    return request if sampling is request.sampling else attrs.evolve(request, sampling=sampling)


def _without(sampling: Sampling, why: str, losses: Losses) -> Sampling:
    for name in _SAMPLING:
        if getattr(sampling, name) is not None:
            losses.drop(name, why)
    return Sampling(seed=sampling.seed) if sampling != Sampling(seed=sampling.seed) else sampling


# -- messages


def _with_reminders(request: Request, losses: Losses) -> Request:
    if not any(message.role in _OPERATOR for message in request.messages):
        return request
    losses.emulate("system", "in mid-conversation the model takes it as a marked text of the user's only")
    messages = tuple(
        attrs.evolve(message, role=Role.USER, parts=tuple(_reminders(message)), name="")
        if message.role in _OPERATOR
        else message
        for message in request.messages
    )
    return attrs.evolve(request, messages=messages)


def _reminders(message: Message) -> Iterator[Part]:
    for part in message.parts:
        if isinstance(part, Text):
            yield attrs.evolve(part, text=f"<system-reminder>\n{part.text}\n</system-reminder>")
        else:
            yield part


def _without_prefill(request: Request, capabilities: Capabilities, losses: Losses) -> Request:
    if not request.messages or not _is_prefill(request.messages[-1]):
        return request
    if capabilities.prefill and (capabilities.prefill_while_thinking or not thinks(request.reasoning, capabilities)):
        return request
    losses.emulate("messages", f"the model takes no beginning of its answer: the user says {CONTINUE!r} behind it")
    turn = Message(Role.USER, (Text(CONTINUE),))
    return attrs.evolve(request, messages=(*request.messages, turn))


def _is_prefill(message: Message) -> bool:
    """Calls wait for their results, and a turn of server tools that rests is sent back as it is."""
    return (
        message.role is Role.ASSISTANT
        and bool(message.parts)
        and all(isinstance(part, Text | Refusal | Thinking | Media) for part in message.parts)
    )
