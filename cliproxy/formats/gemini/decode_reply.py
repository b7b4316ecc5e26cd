"""Google's answers: chunks that each look like a whole answer, with the parts that are new.

There is no end mark: a candidate says how it ended, in its last chunk or in each of them, and the body ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from cliproxy.conversation.events import Ended, Event, Failed, Started, Used
from cliproxy.conversation.reply import Fold, Reply
from cliproxy.errors import Broken, Reported
from cliproxy.formats import jsontext
from cliproxy.formats.gemini.candidates import Candidate, GarbledError, Numbers
from cliproxy.formats.gemini.errors import failure
from cliproxy.formats.gemini.fields import field, whole_number
from cliproxy.formats.gemini.usage import read_usage
from cliproxy.formats.wire import Document

MAX_CANDIDATES: Final = 64
"""Google's own limit is 8."""
_MAX_SEED_CHARACTERS: Final = 4096


class GeminiReplyDecoder:
    """State: the candidates, the latest usage, and whether all is said."""

    def __init__(self, *, whole: bool = False) -> None:
        """`whole`: all of the answer comes in one document, and what is not there will not come."""
        self._whole = whole
        self._numbers = Numbers()
        self._candidates: dict[int, Candidate] = {}
        self._usage: Document | None = None
        self._started = False
        self._over = False

    def feed(self, document: Document) -> Sequence[Event]:
        """What one chunk says."""
        if self._over:
            return ()
        if document.get("error") is not None:
            self._over = True
            return (failure(document),)
        events: list[Event] = []
        usage = field(document, "usageMetadata")
        if isinstance(usage, dict):
            self._usage = usage
        if not self._started:
            self._start(document, events)
        try:
            self._read(document, events)
        except GarbledError as garbled:
            self._over = True
            events.append(Failed(502, str(garbled)))
        return events

    def finish(self) -> Sequence[Event]:
        """The end of the body."""
        if self._over:
            return ()
        self._over = True
        candidates = [candidate for _, candidate in sorted(self._candidates.items())]
        if not candidates or not (self._whole or all(candidate.whole for candidate in candidates)):
            return (Failed(502, "The upstream's answer ended before it was whole.", early_end=True),)
        mishaps = [candidate.mishap for candidate in candidates]
        if mishaps[0] is not None and all(mishaps):
            return (mishaps[0],)
        events: list[Event] = []
        for candidate in candidates:
            candidate.finish(events)
        if self._usage is not None:
            searches = sum(candidate.searches for candidate in candidates)
            events.append(Used(read_usage(self._usage, searches)))
        events.append(Ended())
        return events

    def _start(self, document: Document, events: list[Event]) -> None:
        self._started = True
        given, model = field(document, "responseId"), field(document, "modelVersion")
        given = given if isinstance(given, str) else ""
        self._numbers.seed = given or jsontext.text_of(document)[:_MAX_SEED_CHARACTERS]
        usage = None if self._usage is None else read_usage(self._usage)
        events.append(Started(given, model if isinstance(model, str) else "", usage))

    def _read(self, document: Document, events: list[Event]) -> None:
        candidates = document.get("candidates")
        if isinstance(candidates, list):
            for position, item in enumerate(candidates):
                if isinstance(item, dict):
                    candidate = self._candidate(item, position)
                    if candidate is not None:
                        candidate.feed(item, events)
        if not candidates:
            feedback = field(document, "promptFeedback")
            if isinstance(feedback, Mapping):
                self._blocked(feedback)

    def _candidate(self, item: Document, position: int) -> Candidate | None:
        index = item.get("index")
        known = self._candidates.get(index) if type(index) is int else None
        if known is not None:
            return known
        number = whole_number(index)
        number = position if number is None else number
        if not 0 <= number < MAX_CANDIDATES:
            return None
        candidate = self._candidates.get(number)
        if candidate is None:
            candidate = self._candidates[number] = Candidate(number, self._numbers)
        return candidate

    def _blocked(self, feedback: Document) -> None:
        """A refused prompt has no candidates; it is told as one that says nothing."""
        reason, message = field(feedback, "blockReason"), field(feedback, "blockReasonMessage")
        if isinstance(reason, str) and reason and not any(item.whole for item in self._candidates.values()):
            candidate = self._candidates.setdefault(0, Candidate(0, self._numbers))
            candidate.block(reason, message if isinstance(message, str) else "")


def decode_reply(document: Document) -> Reply:
    """A whole answer. Raises `Broken` for what is none, `Reported` for an error in its place."""
    decoder = GeminiReplyDecoder(whole=True)
    folding = Fold()
    for event in (*decoder.feed(document), *decoder.finish()):
        folding.feed(event)
    failed = folding.failed
    if failed is None:
        return folding.reply()
    if failed.early_end:
        raise Broken("The upstream's answer holds no candidate.")
    raise Reported(failed.message, failed.status)
