"""What a model bears: how it thinks, and which parameters it refuses."""

from __future__ import annotations

import attrs

from cliproxy.conversation.request import Effort


@attrs.frozen
class Capabilities:
    """One model's. The defaults are those of a model that nobody knows: everything is passed on as asked."""

    known: bool = False
    """It is known how the model thinks. Otherwise `thinks` to `budget_below_max_tokens` say nothing."""
    thinks: bool = True
    off: bool = True
    """Thinking can be turned off."""
    on_by_default: bool = True
    """It thinks when the request does not speak of it."""
    adaptive: bool = True
    """The model may be left to decide."""
    efforts: tuple[Effort, ...] = ()
    """Which it takes, in rising order; empty: it takes budgets only."""
    budget: tuple[int, int] | None = None
    """Smallest and largest, in tokens; None: it takes efforts only."""
    budget_below_max_tokens: bool = False
    """A budget must be less than the limit of output."""
    sampling: bool = True
    """It takes temperature, top_p, top_k, penalties, logit bias and logprobs."""
    sampling_while_thinking: bool = True
    temperature_with_top_p: bool = True
    """It takes both in one request."""
    forced_tools: bool = True
    """A tool may be forced."""
    forced_tools_while_thinking: bool = True
    prefill: bool = True
    """The conversation may end with words of the assistant's."""
    prefill_while_thinking: bool = True
    structured: bool = True
    """It takes a JSON Schema for its answer."""
    system_anywhere: bool = True
    """The operator may speak in mid-conversation."""
    reasoning_with_tools: bool = True
    """It takes an effort beside tools on OpenAI Chat; else it must be asked by Responses, or without."""
    context_tokens: int | None = None
    """Input and output together."""
    max_output_tokens: int | None = None
