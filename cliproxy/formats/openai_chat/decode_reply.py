"""An upstream's reply, as a stream and whole.

A stream's end is told by the body's end or by `[DONE]`, whichever comes first; both arrive as `finish`. `Finished`
waits for it too: of several choices one may be whole while another has not begun, and usage may follow the last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import attrs

from cliproxy.conversation.events import (
    Cited,
    Closed,
    Delta,
    Ended,
    Event,
    Failed,
    Finished,
    Opened,
    Signed,
    Started,
    Used,
)
from cliproxy.conversation.parts import Blob, Json, Media, Refusal, Text, Thinking
from cliproxy.conversation.reply import Reply, fold
from cliproxy.conversation.usage import Usage
from cliproxy.errors import Broken, Reported
from cliproxy.formats.openai_chat import thinking
from cliproxy.formats.openai_chat.citations import citations_of
from cliproxy.formats.openai_chat.content import images_of, pieces_of
from cliproxy.formats.openai_chat.decode_calls import CallStream, PartNumbers, TooManyCalls, made_ids
from cliproxy.formats.openai_chat.decode_messages import signature_of
from cliproxy.formats.openai_chat.errors import failure, is_error, trouble
from cliproxy.formats.openai_chat.stops import BREAKS, stop_of
from cliproxy.formats.openai_chat.usage import decode_usage
from cliproxy.formats.wire import Document

MAX_CHOICES: Final = 128
"""OpenAI's own limit."""

_TOO_EARLY: Final = "The upstream ended the stream before the message was complete."

_Words = type[Text] | type[Thinking] | type[Refusal]


@attrs.define
class _Choice:
    """State: one answer as far as it has come."""

    number: int
    calls: CallStream
    words: _Words | None = None
    """What kind of part is open, beside calls."""
    part: int = 0
    """Its number among the reply's parts."""
    signed: bool = False
    characters: int = 0
    """Of visible text so far, in code points: annotations count them through the whole message."""
    part_start: int = 0
    logprobs: list[Json] = attrs.field(factory=list)
    """Those that came without text."""
    reason: str = ""


class ChatReplyDecoder:
    """Follows one streamed reply. State: the choices so far, and what was told of the reply as a whole."""

    def __init__(self) -> None:
        self._numbers = PartNumbers()
        self._choices: dict[int, _Choice] = {}
        self._id = ""
        self._begun = False
        self._over = False
        self._usage: Usage | None = None
        # Thinking is read before all these, and calls after the words, in whatever order the server writes them.
        self._steps: Sequence[tuple[str, Callable[[_Choice, object, list[Event]], None]]] = (
            ("content", self._content),
            ("refusal", self._refusal),
            ("annotations", self._annotations),
            ("images", self._images),
            ("audio", self._audio),
            ("extra_content", self._sign_text),
            ("tool_calls", self._calls),
            ("function_call", self._legacy_call),
        )

    def feed(self, document: Document) -> Sequence[Event]:
        """What one chunk says."""
        if self._over:
            return ()
        told: list[Event] = []
        if is_error(document):
            self._fail(failure(document), told)
            return told
        if not self._begun:
            self._begin(document, told)
        choices = document.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict) and not self._over:
                self._choice(choice, told)
        if document.get("usage") and not self._over:
            self._use(document["usage"], told)
        return told

    def feed_whole(self, number: int, document: Mapping[str, object]) -> Sequence[Event]:
        """One choice of a whole reply, with its end. Only here is the reasoning's text known as a whole."""
        choice = self._known(number)
        if self._over or choice is None:
            return ()
        told: list[Event] = []
        self._keep_logprobs(choice, document.get("logprobs"))
        message = document.get("message")
        if isinstance(message, dict):
            for stretch in thinking.thinking_of(message):
                self._stretch(choice, stretch, told)
            self._say_rest(choice, _numbered(message), told)
        reason = document.get("finish_reason")
        if not self._over:
            self._end(choice, reason if isinstance(reason, str) and reason else "stop", told)
        return told

    def finish(self) -> Sequence[Event]:
        """The end, if every choice has one."""
        if self._over:
            return ()
        told: list[Event] = []
        choices = [self._choices[number] for number in sorted(self._choices)]
        if not choices or not all(choice.reason for choice in choices):
            self._fail(Failed(Broken.status, _TOO_EARLY, early_end=True), told)
            return told
        for choice in choices:
            self._close_all(choice, told)
        for choice in choices:
            stop, detail = stop_of(choice.reason, choice.calls.any)
            told.append(Finished(stop, None, detail, choice.number))
        told.append(Ended())
        self._over = True
        return told

    def _begin(self, document: Document, told: list[Event]) -> None:
        """Azure's first chunk, about the prompt, says nothing of the reply."""
        reply_id, model = document.get("id"), document.get("model")
        if reply_id or document.get("choices") or document.get("usage"):
            self._begun = True
            self._id = reply_id if isinstance(reply_id, str) else ""
            told.append(Started(self._id, model if isinstance(model, str) else ""))

    def _fail(self, failed: Failed, told: list[Event]) -> None:
        self._over = True
        told.append(failed)

    def _use(self, value: object, told: list[Event]) -> None:
        usage = decode_usage(value)
        if usage is not None and usage != self._usage:
            self._usage = usage
            told.append(Used(usage))

    def _choice(self, document: Mapping[str, object], told: list[Event]) -> None:
        index = document.get("index")
        choice = self._choices.get(index) if type(index) is int else None
        choice = choice or self._known(index)
        if choice is None:
            self._fail(Failed(Broken.status, f"The upstream sent more than {MAX_CHOICES} choices."), told)
            return
        logprobs = document.get("logprobs")
        if logprobs:
            self._keep_logprobs(choice, logprobs)
        delta = document.get("delta")
        if delta is None:
            delta = document.get("message")  # some servers' last chunk
        if isinstance(delta, dict):
            content = delta.get("content")
            if len(delta) == 1 and type(content) is str:
                if content:
                    self._say(choice, Text, content, told)
            else:
                self._delta(choice, delta, told)
        if document.get("usage"):
            self._use(document["usage"], told)  # Kimi's
        reason = document.get("finish_reason")
        if reason and isinstance(reason, str) and not self._over:
            self._end(choice, reason, told)

    def _known(self, index: object) -> _Choice | None:
        number = index if isinstance(index, int) and not isinstance(index, bool) else 0
        choice = self._choices.get(number)
        if choice is None and len(self._choices) < MAX_CHOICES:
            calls = CallStream(self._numbers, number, made_ids(self._id, number))
            choice = self._choices[number] = _Choice(number, calls)
        return choice

    def _end(self, choice: _Choice, reason: str, told: list[Event]) -> None:
        """The first reason counts: some servers follow it with another that says less."""
        status = BREAKS.get(reason)
        if status is not None:
            self._fail(Failed(status, f"The upstream broke the reply off ({reason})."), told)
            return
        self._close_all(choice, told)
        choice.reason = choice.reason or reason

    def _delta(self, choice: _Choice, delta: Mapping[str, object], told: list[Event]) -> None:
        if not thinking.KEYS.isdisjoint(delta):
            self._think(choice, delta, told)
        self._say_rest(choice, delta, told)

    def _say_rest(self, choice: _Choice, delta: Mapping[str, object], told: list[Event]) -> None:
        for key, step in self._steps:
            value = delta.get(key)
            if value and not self._over:
                step(choice, value, told)

    def _think(self, choice: _Choice, delta: Mapping[str, object], told: list[Event]) -> None:
        text = thinking.text_of(delta)
        if text:
            self._say(choice, Thinking, text, told)
        for detail in thinking.details_of(delta) if "reasoning_details" in delta else ():
            if detail.text and not text:
                self._say(choice, Thinking, detail.text, told)
            if detail.blob:
                self._sign(choice, Blob(detail.blob), detail.redacted, told)

    def _stretch(self, choice: _Choice, stretch: Thinking, told: list[Event]) -> None:
        self._open(choice, Thinking, told, Thinking("", redacted=stretch.redacted))
        if stretch.text:
            told.append(Delta(choice.part, stretch.text))
        if stretch.blob is not None:
            told.append(Signed(choice.part, stretch.blob))
        self._close(choice, told)

    def _sign(self, choice: _Choice, blob: Blob, redacted: bool, told: list[Event]) -> None:
        """A blob ends the stretch of thinking that it belongs to; without one it stands alone."""
        if redacted or choice.words is not Thinking:
            self._open(choice, Thinking, told, Thinking("", redacted=redacted))
        told.append(Signed(choice.part, blob))
        self._close(choice, told)

    def _sign_text(self, choice: _Choice, extra: object, told: list[Event]) -> None:
        blob = signature_of({"extra_content": extra})
        if blob is not None and choice.words is Text and not choice.signed:
            choice.signed = True
            told.append(Signed(choice.part, blob))

    def _content(self, choice: _Choice, content: object, told: list[Event]) -> None:
        for piece in pieces_of(content):
            if isinstance(piece, Media):
                self._whole(choice, piece, told)
            else:
                self._say(choice, type(piece), piece.text, told)

    def _images(self, choice: _Choice, images: object, told: list[Event]) -> None:
        for piece in images_of(images):
            self._whole(choice, piece, told)

    def _refusal(self, choice: _Choice, text: object, told: list[Event]) -> None:
        if isinstance(text, str):
            self._say(choice, Refusal, text, told)

    def _audio(self, choice: _Choice, audio: object, told: list[Event]) -> None:
        """What is spoken, as words."""
        transcript = audio.get("transcript") if isinstance(audio, Mapping) else None
        if isinstance(transcript, str) and transcript:
            self._say(choice, Text, transcript, told)

    def _annotations(self, choice: _Choice, annotations: object, told: list[Event]) -> None:
        if not citations_of(annotations):
            return
        if choice.words is not Text:
            self._open(choice, Text, told, Text(""))
        told += [Cited(choice.part, citation) for citation in citations_of(annotations, choice.part_start)]

    def _calls(self, choice: _Choice, entries: object, told: list[Event]) -> None:
        self._close(choice, told)
        try:
            for entry in entries if isinstance(entries, list) else ():
                if isinstance(entry, dict):
                    choice.calls.feed(entry, told)
        except TooManyCalls:
            self._fail(Failed(Broken.status, "The upstream called more tools than anybody can."), told)

    def _legacy_call(self, choice: _Choice, function: object, told: list[Event]) -> None:
        self._close(choice, told)
        if isinstance(function, Mapping):
            choice.calls.feed_legacy(function, told)

    def _say(self, choice: _Choice, words: _Words, text: str, told: list[Event]) -> None:
        if choice.words is not words:
            self._open(choice, words, told, words(""))
        if words is not Text:
            told.append(Delta(choice.part, text))
            return
        choice.characters += len(text)
        if not choice.logprobs:
            told.append(Delta(choice.part, text))
            return
        told.append(Delta(choice.part, text, choice.logprobs))
        choice.logprobs = []

    def _open(self, choice: _Choice, words: _Words, told: list[Event], part: Text | Thinking | Refusal) -> None:
        self._close(choice, told)
        choice.words, choice.part, choice.signed = words, self._numbers.new(), False
        choice.part_start = choice.characters
        told.append(Opened(choice.part, part, choice.number))

    def _whole(self, choice: _Choice, part: Text | Thinking | Refusal | Media, told: list[Event]) -> None:
        self._close(choice, told)
        number = self._numbers.new()
        told += (Opened(number, part, choice.number), Closed(number))

    def _close(self, choice: _Choice, told: list[Event]) -> None:
        if choice.words is not None:
            choice.words = None
            told.append(Closed(choice.part))

    def _close_all(self, choice: _Choice, told: list[Event]) -> None:
        self._close(choice, told)
        choice.calls.finish(told)

    def _keep_logprobs(self, choice: _Choice, logprobs: object) -> None:
        entries = logprobs.get("content") if isinstance(logprobs, Mapping) else None
        if isinstance(entries, list):
            choice.logprobs += entries


def decode_reply(document: Document) -> Reply:
    """A whole reply, as if it came in a stream of few pieces.

    Raises `Broken` for what is no reply, `Reported` for an error in the place of one.
    """
    if is_error(document):
        raise trouble(document)
    choices = document.get("choices")
    found = [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []
    if not found:
        raise Broken("The upstream's answer holds no choices.")
    if len(found) > MAX_CHOICES:
        raise Broken(f"The upstream sent more than {MAX_CHOICES} choices.")
    decoder = ChatReplyDecoder()
    events = list(decoder.feed({**document, "choices": []}))
    for number, choice in enumerate(sorted(found, key=_index)):
        events += decoder.feed_whole(number, choice)
    events += decoder.finish()
    if isinstance(events[-1], Failed):
        raise Reported(events[-1].message, events[-1].status)
    return fold(events)


def _index(choice: Mapping[str, object]) -> int:
    index = choice.get("index")
    return index if isinstance(index, int) else 0


def _numbered(message: Mapping[str, object]) -> Mapping[str, object]:
    """The message with its calls numbered by their place: a few servers call them all the first."""
    calls = message.get("tool_calls")
    if not isinstance(calls, list):
        return message
    numbered = [{**call, "index": place} for place, call in enumerate(calls) if isinstance(call, dict)]
    return {**message, "tool_calls": numbered}
