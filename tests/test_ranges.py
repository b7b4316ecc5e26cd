"""Which models the vendors' own hosts serve."""

from __future__ import annotations

import pytest

from cliproxy.ranges import CLAUDE, GEMINI, OPENAI, Range
from cliproxy.routing.catalogue import matches


@pytest.mark.parametrize("vendor", [CLAUDE, GEMINI, OPENAI], ids=["claude", "gemini", "openai"])
def test_what_is_shown_is_served(vendor: Range) -> None:
    assert all(any(matches(pattern, name) for pattern in vendor.patterns) for name in vendor.listed)


@pytest.mark.parametrize("vendor", [CLAUDE, GEMINI, OPENAI], ids=["claude", "gemini", "openai"])
def test_nothing_is_shown_twice(vendor: Range) -> None:
    assert len(set(vendor.listed)) == len(vendor.listed) > 0
