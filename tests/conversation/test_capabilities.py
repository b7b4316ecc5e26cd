from __future__ import annotations

from cliproxy.conversation.capabilities import Capabilities


def test_a_model_that_nobody_knows_takes_everything() -> None:
    nobodys = Capabilities()
    assert not nobodys.known
    assert nobodys.sampling
    assert nobodys.sampling_while_thinking
    assert nobodys.temperature_with_top_p
    assert nobodys.forced_tools
    assert nobodys.forced_tools_while_thinking
    assert nobodys.prefill
    assert nobodys.prefill_while_thinking
    assert nobodys.structured
    assert nobodys.system_anywhere
    assert nobodys.reasoning_with_tools


def test_a_model_that_nobody_knows_has_no_limits() -> None:
    assert Capabilities().context_tokens is None
    assert Capabilities().max_output_tokens is None
