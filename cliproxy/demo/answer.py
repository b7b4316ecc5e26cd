"""The demo's front: which wire a request is for, and whether it still owes a fault."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from cliproxy.demo.anthropic.wire import ANTHROPIC
from cliproxy.demo.gemini.wire import GEMINI
from cliproxy.demo.openai_chat.wire import OPENAI_CHAT
from cliproxy.demo.openai_responses.wire import OPENAI_RESPONSES
from cliproxy.demo.replies import DemoRequest, Reply, Wire
from cliproxy.demo.settings import DemoSettings

WIRES: Final[Mapping[str, Wire]] = {
    "openai_chat": OPENAI_CHAT,
    "openai_responses": OPENAI_RESPONSES,
    "gemini": GEMINI,
    "anthropic": ANTHROPIC,
}
"""In the order in which they are asked whether a path is theirs: `/v1/models` is several ones', by its headers."""


def answer(request: DemoRequest, settings: DemoSettings) -> Reply:
    """The reply to a request. Pure: the same request always gets the same, ids included."""
    return _wire_of(request).answer(request, settings)


def _wire_of(request: DemoRequest) -> Wire:
    """The wire that serves the path; for a path of nobody, Anthropic's words for 404."""
    return next((wire for wire in WIRES.values() if wire.serves(request)), ANTHROPIC)


class Demo:
    """Answers requests, and counts down the faults that the settings ask for: the demo's only state."""

    def __init__(self, settings: DemoSettings) -> None:
        self._settings = settings
        self._faultless = attrs.evolve(settings, fault="")
        self._faults_left = settings.fault_count

    def answer(self, request: DemoRequest) -> Reply:
        """As the function, with a fault if one is still owed."""
        return answer(request, self._settings_for(request))

    def _settings_for(self, request: DemoRequest) -> DemoSettings:
        if self._faults_left is None or not self._settings.fault:
            return self._settings
        if self._faults_left == 0 or not _wire_of(request).generates(request):
            return self._faultless
        self._faults_left -= 1
        return self._settings
