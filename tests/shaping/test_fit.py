from __future__ import annotations

from typing import Any

import attrs
import pytest

from cliproxy.conversation.capabilities import Capabilities
from cliproxy.conversation.losses import Loss, Losses
from cliproxy.conversation.parts import CacheMark, Part, ServerCall, Text, Thinking, ToolCall, VendorPart
from cliproxy.conversation.request import Message, Output, Reasoning, Request, Role, Sampling, ToolChoice
from cliproxy.shaping.fit import fit_to_model

EVERYTHING = Capabilities()
OLD_CLAUDE = Capabilities(
    known=True,
    on_by_default=False,
    adaptive=False,
    budget=(1024, 128000),
    budget_below_max_tokens=True,
    sampling_while_thinking=False,
    temperature_with_top_p=False,
    forced_tools_while_thinking=False,
    prefill_while_thinking=False,
    system_anywhere=False,
    max_output_tokens=64000,
)
NEW_CLAUDE = Capabilities(
    known=True,
    off=False,
    efforts=("low", "medium", "high", "xhigh", "max"),
    sampling=False,
    forced_tools=False,
    prefill=False,
    max_output_tokens=128000,
)
HELLO = Message(Role.USER, (Text("hello"),))


def asked(*messages: Message, **fields: Any) -> Request:
    return attrs.evolve(Request("openai-chat", "m", messages or (HELLO,)), **fields)


def fitted(request: Request, capabilities: Capabilities) -> tuple[Request, list[Loss]]:
    losses = Losses()
    return fit_to_model(request, capabilities, losses), list(losses)


def test_a_model_that_is_not_known_gets_the_request_as_it_is() -> None:
    request = asked(
        HELLO,
        Message(Role.SYSTEM, (Text("be brief"),)),
        Message(Role.ASSISTANT, (Text("Well,"),)),
        sampling=Sampling(0.3, 0.9, 5),
        tool_choice=ToolChoice("required", ("f",)),
        reasoning=Reasoning("on", budget=10**7),
        max_tokens=10**7,
    )
    assert fitted(request, EVERYTHING) == (request, [])


def test_thinking_is_fitted() -> None:
    request, losses = fitted(asked(reasoning=Reasoning("on", budget=8192)), NEW_CLAUDE)
    assert request.reasoning == Reasoning("auto", "medium")
    assert [(loss.field, loss.emulated) for loss in losses] == [("thinking", True)]


# -- the limit of output


def test_a_limit_above_the_models_own_is_lowered() -> None:
    request, losses = fitted(asked(max_tokens=200_000), OLD_CLAUDE)
    assert request.max_tokens == 64000
    assert losses == [Loss("max_tokens", "the model writes at most 64000 tokens", emulated=True)]


def test_a_limit_below_stays() -> None:
    assert fitted(asked(max_tokens=64000), OLD_CLAUDE) == (asked(max_tokens=64000), [])


def test_a_missing_limit_is_not_made_up() -> None:
    assert fitted(asked(), OLD_CLAUDE)[0].max_tokens is None


def test_without_a_limit_a_budget_stays_below_the_models_own() -> None:
    request, _ = fitted(asked(reasoning=Reasoning("on", budget=100_000)), OLD_CLAUDE)
    assert request.reasoning.budget == 63999


# -- tool choice


def test_a_model_that_cannot_be_forced_chooses_itself() -> None:
    request, losses = fitted(asked(tool_choice=ToolChoice("required", ("f",))), NEW_CLAUDE)
    assert request.tool_choice == ToolChoice("auto")
    assert losses == [Loss("tool_choice", "the model cannot be forced to call a tool")]


def test_tools_that_the_client_left_out_stay_out() -> None:
    request, _ = fitted(asked(tool_choice=ToolChoice("required", ("f", "g"))), NEW_CLAUDE)
    assert request.tool_choice == ToolChoice("auto", ("f", "g"))


@pytest.mark.parametrize("choice", [None, ToolChoice("auto"), ToolChoice("none"), ToolChoice("auto", ("f",))])
def test_a_choice_that_forces_nothing_stays(choice: ToolChoice | None) -> None:
    assert fitted(asked(tool_choice=choice), NEW_CLAUDE) == (asked(tool_choice=choice), [])


def test_a_model_that_cannot_be_forced_while_it_thinks_does_not_think() -> None:
    request, losses = fitted(
        asked(tool_choice=ToolChoice("required"), reasoning=Reasoning("on", budget=2048)), OLD_CLAUDE
    )
    assert request.tool_choice == ToolChoice("required")
    assert request.reasoning == Reasoning("off")
    assert [(loss.field, loss.emulated) for loss in losses] == [("thinking", True)]


def test_a_model_that_does_not_think_anyway_is_forced() -> None:
    request = asked(tool_choice=ToolChoice("required"))
    assert fitted(request, OLD_CLAUDE) == (request, [])


def test_a_model_that_always_thinks_and_cannot_be_forced_then_chooses_itself() -> None:
    model = attrs.evolve(NEW_CLAUDE, forced_tools=True, forced_tools_while_thinking=False)
    request, losses = fitted(asked(tool_choice=ToolChoice("required")), model)
    assert request.tool_choice == ToolChoice("auto")
    assert [loss.field for loss in losses] == ["tool_choice"]


# -- sampling


def test_sampling_that_is_refused_is_left_out() -> None:
    request, losses = fitted(asked(sampling=Sampling(0.3, 0.9, 5, seed=7, logprobs=True)), NEW_CLAUDE)
    assert request.sampling == Sampling(seed=7)
    assert [loss.field for loss in losses] == ["temperature", "top_p", "top_k", "logprobs"]
    assert not any(loss.emulated for loss in losses)


def test_sampling_is_left_out_while_thinking() -> None:
    request, losses = fitted(asked(sampling=Sampling(0.3), reasoning=Reasoning("on", budget=2048)), OLD_CLAUDE)
    assert request.sampling == Sampling()
    assert [loss.field for loss in losses] == ["temperature"]


def test_sampling_stays_without_thinking() -> None:
    assert fitted(asked(sampling=Sampling(0.3)), OLD_CLAUDE) == (asked(sampling=Sampling(0.3)), [])


def test_sampling_stays_if_a_forced_tool_turned_thinking_off() -> None:
    request, _ = fitted(
        asked(sampling=Sampling(0.3), tool_choice=ToolChoice("required"), reasoning=Reasoning("on", budget=2048)),
        OLD_CLAUDE,
    )
    assert request.sampling == Sampling(0.3)


def test_of_temperature_and_top_p_one_is_left() -> None:
    request, losses = fitted(asked(sampling=Sampling(0.3, 0.9)), OLD_CLAUDE)
    assert request.sampling == Sampling(0.3)
    assert losses == [Loss("top_p", "the model takes either this or temperature")]


# -- the operator in mid-conversation


@pytest.mark.parametrize("role", [Role.SYSTEM, Role.DEVELOPER])
def test_the_operator_in_mid_conversation_becomes_a_marked_text_of_the_users(role: Role) -> None:
    operator = Message(role, (Text("be brief", CacheMark()), Text("be kind")), "boss")
    request, losses = fitted(asked(HELLO, operator, HELLO), OLD_CLAUDE)
    assert request.messages == (
        HELLO,
        Message(
            Role.USER,
            (
                Text("<system-reminder>\nbe brief\n</system-reminder>", CacheMark()),
                Text("<system-reminder>\nbe kind\n</system-reminder>"),
            ),
        ),
        HELLO,
    )
    assert [(loss.field, loss.emulated) for loss in losses] == [("system", True)]


def test_the_operators_first_words_stay() -> None:
    request = asked(system=(Text("be brief"),))
    assert fitted(request, OLD_CLAUDE) == (request, [])


# -- the beginning of an answer


def test_a_beginning_of_the_answer_that_is_refused_is_continued_by_the_user() -> None:
    start = Message(Role.ASSISTANT, (Text("{"),))
    request, losses = fitted(asked(HELLO, start), NEW_CLAUDE)
    assert request.messages == (HELLO, start, Message(Role.USER, (Text("Continue."),)))
    assert [(loss.field, loss.emulated) for loss in losses] == [("messages", True)]


def test_a_beginning_of_the_answer_stays_where_it_is_taken() -> None:
    request = asked(HELLO, Message(Role.ASSISTANT, (Text("{"),)))
    assert fitted(request, OLD_CLAUDE) == (request, [])


def test_a_beginning_of_the_answer_is_continued_by_the_user_while_thinking() -> None:
    request, _ = fitted(
        asked(HELLO, Message(Role.ASSISTANT, (Text("{"),)), reasoning=Reasoning("on", budget=2048)), OLD_CLAUDE
    )
    assert request.messages[-1] == Message(Role.USER, (Text("Continue."),))


@pytest.mark.parametrize(
    "parts",
    [
        (ToolCall("1", "f", "{}"),),
        (Text("let me see"), ToolCall("1", "f", "{}")),
        (Thinking("hm"), ServerCall("1", "web_search", "{}")),
        (VendorPart("anthropic", {"type": "compaction"}),),
        (),
    ],
)
def test_a_turn_that_awaits_something_else_is_no_beginning(parts: tuple[Part, ...]) -> None:
    request = asked(HELLO, Message(Role.ASSISTANT, parts))
    assert fitted(request, NEW_CLAUDE) == (request, [])


def test_a_request_without_messages_stays() -> None:
    request = Request("gemini", "m", ())
    assert fitted(request, NEW_CLAUDE) == (request, [])


def test_a_schema_stays_for_another_stage() -> None:
    request = asked(output=Output("schema", {"type": "object"}))
    assert fitted(request, attrs.evolve(EVERYTHING, structured=False)) == (request, [])
