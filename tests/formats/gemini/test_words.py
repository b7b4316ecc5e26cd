"""Words of the wire."""

from __future__ import annotations

import pytest

from cliproxy.formats.gemini.words import generation


@pytest.mark.parametrize(
    ("model", "version"),
    [
        ("gemini-2.5-pro", 2),
        ("models/gemini-3-pro-preview", 3),
        ("Gemini-3.1-flash", 3),
        ("gemini-10-ultra", 10),
        ("gemini-flash-latest", 3),
        ("gemini-pro", None),
        ("gemma-3-27b", None),
        ("claude-opus-4-8", None),
    ],
)
def test_the_name_of_a_model_tells_its_major_version(model: str, version: int | None) -> None:
    assert generation(model) == version
