from __future__ import annotations

from typing import get_args

from cliproxy.formats.codec import Field, Support
from cliproxy.formats.openai_completions.support import SAYS, SUPPORT


def test_nothing_is_written_in_this_format() -> None:
    assert dict.fromkeys(get_args(Field), Support.LOST) == SUPPORT


def test_a_prompt_has_no_tools_and_no_images() -> None:
    assert not SAYS.keys() & {"tools", "images by bytes", "system", "thinking: effort"}


def test_what_clients_can_say_are_fields() -> None:
    assert SAYS.keys() < set(get_args(Field))
