from __future__ import annotations

from cliproxy.formats.openai_responses.words import on_the_users_side


def test_outputs_of_tools_come_from_the_users_side() -> None:
    assert on_the_users_side("local_shell_call_output")


def test_calls_come_from_the_models_side() -> None:
    assert not on_the_users_side("apply_patch_call")


def test_an_approval_comes_from_the_users_side() -> None:
    assert on_the_users_side("mcp_approval_response")
