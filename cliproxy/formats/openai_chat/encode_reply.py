"""A reply for a client that speaks this format, as a stream and whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    Stop,
    Used,
)
from cliproxy.conversation.parts import (
    EMPTY_ARGUMENTS,
    Blob,
    Inline,
    Json,
    Link,
    Media,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
)
from cliproxy.conversation.reply import Choice, Reply
from cliproxy.conversation.usage import Usage
from cliproxy.formats.codec import Framing
from cliproxy.formats.jsontext import dumps
from cliproxy.formats.openai_chat.citations import annotation_for
from cliproxy.formats.openai_chat.encode_messages import call_entry, extra_content, whole_call
from cliproxy.formats.openai_chat.errors import error_event
from cliproxy.formats.openai_chat.media import data_url
from cliproxy.formats.openai_chat.stops import REASONS
from cliproxy.formats.openai_chat.thinking import BETWEEN, detail_for
from cliproxy.formats.openai_chat.usage import encode_usage
from cliproxy.formats.wire import Complaint

DONE: Final = b"data: [DONE]\n\n"
_FIELDS: Final[Mapping[type[Part], bytes]] = {Text: b"content", Thinking: b"reasoning_content", Refusal: b"refusal"}
"""Where the words of a part stand in a delta."""


@attrs.define
class _Choice:
    """State: what has been told of one answer. Lengths count code points."""

    head: bytes
    """The chunk up to the delta's fields."""
    content: int = 0
    """Length of the visible text in parts that are closed."""
    reasoning: int = 0
    calls: int = 0
    details: int = 0
    finished: bool = False


@attrs.define
class _Part:
    """State: an open part of words, or a call."""

    part: Text | Thinking | Refusal | ToolCall
    choice: _Choice
    head: bytes
    """The chunk up to the text of a delta."""
    tail: bytes
    """What ends it behind the text."""
    start: int = 0
    """Where its text begins in the field that it shares with others; of a call, its index."""
    length: int = 0


class ChatReplyEncoder:
    """Writes chunks. State: the parts that are open, and per choice what has been told."""

    def __init__(self, framing: Framing) -> None:
        self._head = b"data: " + dumps(_head(framing, "chat.completion.chunk"))[:-1]
        self._usage_wanted = framing.request.usage_in_stream
        self._end = b',"usage":null}\n\n' if self._usage_wanted else b"}\n\n"
        self._end_of_delta = b'},"logprobs":null,"finish_reason":null}]' + self._end
        self._choices: dict[int, _Choice] = {}
        self._parts: dict[int, _Part] = {}
        self._usage: Usage | None = None
        self._over = False
        self._steps: Mapping[type[Event], Callable[..., bytes]] = {
            Delta: self._delta,
            Opened: self._opened,
            Closed: self._closed,
            Signed: self._signed,
            Cited: self._cited,
            Started: self._started,
            Used: self._used,
            Finished: self._finished,
            Ended: self._ended,
            Failed: self._failed,
        }

    def feed(self, event: Event) -> bytes:
        """Whole chunks, or nothing."""
        return b"" if self._over else self._steps[type(event)](event)

    def _delta(self, event: Delta) -> bytes:
        part = self._parts.get(event.index)
        if part is None:
            return b""
        text, tail = event.text, part.tail
        if not part.length and part.start and type(part.part) is Thinking:
            text = BETWEEN + text
        part.length += len(event.text)
        if event.logprobs is not None and type(part.part) is Text:
            logprobs = dumps({"content": event.logprobs, "refusal": None})
            tail = b'},"logprobs":%b,"finish_reason":null}]%b' % (logprobs, self._end)
        return b"%b%b%b" % (part.head, dumps(text), tail)

    def _started(self, event: Started) -> bytes:
        """The first chunk, from which clients see that there is an answer."""
        self._usage = self._usage or event.usage
        return self._choice(0)[1]

    def _choice(self, number: int) -> tuple[_Choice, bytes]:
        """A choice, and the chunk with its role if it begins here."""
        choice = self._choices.get(number)
        if choice is not None:
            return choice, b""
        choice = self._choices[number] = _Choice(b'%b,"choices":[{"index":%d,"delta":{' % (self._head, number))
        return choice, self._chunk(choice, b'"role":"assistant","content":""')

    def _chunk(self, choice: _Choice, delta: bytes) -> bytes:
        return choice.head + delta + self._end_of_delta

    def _opened(self, event: Opened) -> bytes:
        choice, told = self._choice(event.choice)
        part = event.part
        if isinstance(part, ToolCall):
            return told + self._open_call(event.index, part, choice)
        if isinstance(part, Text | Thinking | Refusal):
            return told + self._open_words(event.index, part, choice)
        if isinstance(part, Media):
            return told + self._media(part, choice)
        return told

    def _open_words(self, index: int, part: Text | Thinking | Refusal, choice: _Choice) -> bytes:
        start = 0
        if isinstance(part, Text):
            start = choice.content
        elif isinstance(part, Thinking) and choice.reasoning:
            start = choice.reasoning + len(BETWEEN)
        head = b'%b"%b":' % (choice.head, _FIELDS[type(part)])
        self._parts[index] = _Part(part, choice, head, self._end_of_delta, start)
        return self._delta(Delta(index, part.text)) if part.text else b""

    def _open_call(self, index: int, call: ToolCall, choice: _Choice) -> bytes:
        number, choice.calls = choice.calls, choice.calls + 1
        inner = b'custom":{"input' if call.custom else b'function":{"arguments'
        head = b'%b"tool_calls":[{"index":%d,"%b":' % (choice.head, number, inner)
        part = self._parts[index] = _Part(call, choice, head, b"}}]" + self._end_of_delta, number)
        part.length = len(call.arguments)
        entry: Json = {"index": number, **call_entry(call, call.arguments)}
        return self._chunk(choice, b'"tool_calls":' + dumps([entry]))

    def _media(self, media: Media, choice: _Choice) -> bytes:
        image = _image(media)
        if image is not None:
            return self._chunk(choice, b'"images":' + dumps([image]))
        choice.content += len(marker := _marker(media))
        return self._chunk(choice, b'"content":' + dumps(marker))

    def _closed(self, event: Closed) -> bytes:
        part = self._parts.pop(event.index, None)
        if part is None:
            return b""
        told = b""
        if isinstance(part.part, Text):
            part.choice.content = part.start + part.length
        elif isinstance(part.part, Thinking):
            if part.part.blob is not None:
                told = self._detail(part, part.part.blob)
            if part.length:
                part.choice.reasoning = part.start + part.length
        elif isinstance(part.part, ToolCall) and not part.length and not part.part.custom:
            told = b"%b%b%b" % (part.head, dumps(EMPTY_ARGUMENTS), part.tail)
        return told

    def _signed(self, event: Signed) -> bytes:
        part = self._parts.get(event.index)
        if part is None or isinstance(part.part, Refusal):
            return b""
        if isinstance(part.part, Thinking):
            part.part = attrs.evolve(part.part, blob=event.blob)
            return b""
        extra = dumps(extra_content(event.blob.value))
        if isinstance(part.part, Text):
            return self._chunk(part.choice, b'"extra_content":' + extra)
        # OpenAI's SDK takes for granted that every piece of a call has its function
        function = b"" if isinstance(part.part, ToolCall) and part.part.custom else b'"function":{"arguments":""},'
        call = b'"tool_calls":[{"index":%d,%b"extra_content":%b}]' % (part.start, function, extra)
        return self._chunk(part.choice, call)

    def _detail(self, part: _Part, blob: Blob) -> bytes:
        """Told as the part closes: by then it is known which stretch of the text it belongs to."""
        redacted = isinstance(part.part, Thinking) and part.part.redacted
        detail = detail_for(blob, part.choice.details, None if redacted else _span(part))
        part.choice.details += 1
        return self._chunk(part.choice, b'"reasoning_details":' + dumps([detail]))

    def _cited(self, event: Cited) -> bytes:
        part = self._parts.get(event.index)
        if part is None:
            return b""
        annotation = annotation_for(event.citation, part.start, part.length)
        return self._chunk(part.choice, b'"annotations":' + dumps([annotation]))

    def _used(self, event: Used) -> bytes:
        self._usage = event.usage
        return b""

    def _finished(self, event: Finished) -> bytes:
        choice, told = self._choice(event.choice)
        return told + self._finish(choice, REASONS[event.stop])

    def _finish(self, choice: _Choice, reason: str) -> bytes:
        if choice.finished:
            return b""
        choice.finished = True
        return b'%b},"logprobs":null,"finish_reason":"%b"}]%b' % (choice.head, reason.encode(), self._end)

    def _ended(self, event: Ended) -> bytes:
        told = b"" if self._choices else self._choice(0)[1]
        for choice in self._choices.values():
            told += self._finish(choice, REASONS[Stop.TOOLS if choice.calls else Stop.END])
        if self._usage_wanted and self._usage is not None:
            told += b'%b,"choices":[],"usage":%b}\n\n' % (self._head, dumps(encode_usage(self._usage)))
        self._over = True
        return told + DONE

    def _failed(self, event: Failed) -> bytes:
        self._over = True
        return error_event(Complaint(event.status, event.message, "", event.context_overflow))


def encode_reply(reply: Reply, framing: Framing) -> bytes:
    """The body of a whole reply."""
    choices: list[Json] = [_choice(number, choice) for number, choice in enumerate(reply.choices)]
    body: dict[str, Json] = {**_head(framing, "chat.completion"), "choices": choices}
    if reply.usage is not None:
        body["usage"] = encode_usage(reply.usage)
    return dumps(body)


def _choice(number: int, choice: Choice) -> Json:
    logprobs: Json = {"content": list(choice.logprobs), "refusal": None} if choice.logprobs else None
    message = _Message()
    for part in choice.parts:
        message.add(part)
    written = message.written()
    return {"index": number, "message": written, "logprobs": logprobs, "finish_reason": REASONS[choice.stop]}


class _Message:
    """A whole message, made of its parts. State: what has been added."""

    def __init__(self) -> None:
        self._content = ""
        self._refusal = ""
        self._reasoning = ""
        self._lists: dict[str, list[Json]] = {}
        self._extra: Json = None

    def add(self, part: Part) -> None:
        """One more part; what the wire has no words for is left out."""
        if isinstance(part, Text):
            self._add_text(part)
        elif isinstance(part, Refusal):
            self._refusal += part.text
        elif isinstance(part, Thinking):
            self._add_thinking(part)
        elif isinstance(part, ToolCall):
            self._append("tool_calls", whole_call(part))
        elif isinstance(part, Media):
            image = _image(part)
            if image is None:
                self._content += _marker(part)
            else:
                self._append("images", image)

    def written(self) -> dict[str, Json]:
        """The message. Content is null where something else was said."""
        other = self._refusal or "tool_calls" in self._lists
        message: dict[str, Json] = {
            "role": "assistant",
            "content": self._content or (None if other else ""),
            "refusal": self._refusal or None,
        }
        if self._reasoning:
            message["reasoning_content"] = self._reasoning
        message |= self._lists
        if self._extra is not None:
            message["extra_content"] = self._extra
        return message

    def _append(self, key: str, entry: Json) -> None:
        self._lists.setdefault(key, []).append(entry)

    def _add_text(self, part: Text) -> None:
        start = len(self._content)
        self._content += part.text
        for citation in part.citations:
            self._append("annotations", annotation_for(citation, start, len(part.text)))
        if part.blob is not None:
            self._extra = extra_content(part.blob.value)

    def _add_thinking(self, part: Thinking) -> None:
        start = len(self._reasoning)
        if part.text:
            between = BETWEEN if self._reasoning else ""
            start += len(between)
            self._reasoning += between + part.text
        if part.blob is not None:
            span = None if part.redacted else (start, start + len(part.text))
            self._append(
                "reasoning_details", detail_for(part.blob, len(self._lists.get("reasoning_details", ())), span)
            )


def _head(framing: Framing, kind: str) -> dict[str, Json]:
    return {"id": f"chatcmpl-{framing.seed}", "object": kind, "created": framing.created, "model": framing.model}


def _span(part: _Part) -> tuple[int, int]:
    if not part.length:
        return part.choice.reasoning, part.choice.reasoning
    return part.start, part.start + part.length


def _image(media: Media) -> Json:
    """An entry of `images`; None for what is no image, or one that only another vendor's store holds."""
    source = media.source
    if media.kind != "image" or not isinstance(source, Inline | Link):
        return None
    url = data_url(source, "image/png") if isinstance(source, Inline) else source.url
    return {"type": "image_url", "image_url": {"url": url}}


def _marker(media: Media) -> str:
    return f"[{media.kind}: {media.source.url}]" if isinstance(media.source, Link) else f"[{media.kind} omitted]"
