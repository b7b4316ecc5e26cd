"""A reply as `text_completion` objects, as a stream and whole: of all that a reply may hold, the visible words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

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
from cliproxy.conversation.parts import Json, Refusal, Text
from cliproxy.conversation.reply import Choice, Reply
from cliproxy.conversation.usage import Usage
from cliproxy.formats.codec import Framing
from cliproxy.formats.jsontext import dumps
from cliproxy.formats.openai_chat.encode_reply import DONE
from cliproxy.formats.openai_chat.errors import error_event
from cliproxy.formats.openai_chat.stops import REASONS
from cliproxy.formats.openai_chat.usage import encode_usage
from cliproxy.formats.openai_completions.decode_request import echoed
from cliproxy.formats.wire import Complaint


@attrs.define
class _Choice:
    """State: one answer as far as it has been told."""

    head: bytes
    """The chunk up to its text."""
    characters: int = 0
    finished: bool = False


class CompletionEncoder:
    """Writes chunks. State: the parts that are open, and the choices that have begun."""

    def __init__(self, framing: Framing) -> None:
        self._head = b"data: " + dumps(_head(framing))[:-1]
        self._echo = echoed(framing.request)
        self._usage_wanted = framing.request.usage_in_stream
        self._end = b',"usage":null}\n\n' if self._usage_wanted else b"}\n\n"
        self._end_of_text = b',"logprobs":null,"finish_reason":null}]' + self._end
        self._choices: dict[int, _Choice] = {}
        self._parts: dict[int, _Choice] = {}
        self._usage: Usage | None = None
        self._over = False
        self._steps: Mapping[type[Event], Callable[..., bytes]] = {
            Delta: self._delta,
            Opened: self._opened,
            Closed: self._closed,
            Signed: self._nothing,
            Cited: self._nothing,
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
        choice = self._parts.get(event.index)
        if choice is None:
            return b""
        end = self._end_of_text
        if isinstance(event.logprobs, list):
            logprobs = dumps(_logprobs(event.logprobs, choice.characters))
            end = b',"logprobs":%b,"finish_reason":null}]%b' % (logprobs, self._end)
        choice.characters += len(event.text)
        return b"%b%b%b" % (choice.head, dumps(event.text), end)

    def _nothing(self, event: Event) -> bytes:
        return b""

    def _choice(self, number: int) -> tuple[_Choice, bytes]:
        """A choice, and the chunk with the prompt if it begins here and the client wants that."""
        choice = self._choices.get(number)
        if choice is not None:
            return choice, b""
        choice = self._choices[number] = _Choice(b'%b,"choices":[{"index":%d,"text":' % (self._head, number))
        if not self._echo:
            return choice, b""
        choice.characters = len(self._echo)
        return choice, b"%b%b%b" % (choice.head, dumps(self._echo), self._end_of_text)

    def _started(self, event: Started) -> bytes:
        self._usage = self._usage or event.usage
        return self._choice(0)[1]

    def _opened(self, event: Opened) -> bytes:
        part = event.part
        if not isinstance(part, Text | Refusal):
            return b""
        choice, told = self._choice(event.choice)
        self._parts[event.index] = choice
        return told + self._delta(Delta(event.index, part.text)) if part.text else told

    def _closed(self, event: Closed) -> bytes:
        self._parts.pop(event.index, None)
        return b""

    def _used(self, event: Used) -> bytes:
        self._usage = event.usage
        return b""

    def _finished(self, event: Finished) -> bytes:
        choice, told = self._choice(event.choice)
        return told + self._finish(choice, reason_of(event.stop))

    def _finish(self, choice: _Choice, reason: str) -> bytes:
        if choice.finished:
            return b""
        choice.finished = True
        return b'%b"","logprobs":null,"finish_reason":"%b"}]%b' % (choice.head, reason.encode(), self._end)

    def _ended(self, event: Ended) -> bytes:
        told = b"" if self._choices else self._choice(0)[1]
        for choice in self._choices.values():
            told += self._finish(choice, reason_of(Stop.END))
        if self._usage_wanted and self._usage is not None:
            told += b'%b,"choices":[],"usage":%b}\n\n' % (self._head, dumps(encode_usage(self._usage)))
        self._over = True
        return told + DONE

    def _failed(self, event: Failed) -> bytes:
        self._over = True
        return error_event(Complaint(event.status, event.message, "", event.context_overflow))


def encode_reply(reply: Reply, framing: Framing) -> bytes:
    """The body of a whole reply."""
    echo = echoed(framing.request)
    choices: list[Json] = [_whole(number, choice, echo) for number, choice in enumerate(reply.choices)]
    body: dict[str, Json] = {**_head(framing), "choices": choices}
    if reply.usage is not None:
        body["usage"] = encode_usage(reply.usage)
    return dumps(body)


def reason_of(stop: Stop) -> str:
    """`finish_reason`: the older wire has no calls."""
    return "stop" if stop is Stop.TOOLS else REASONS[stop]


def _whole(number: int, choice: Choice, echo: str) -> Json:
    text = "".join(part.text for part in choice.parts if isinstance(part, Text | Refusal))
    logprobs: Json = _logprobs(choice.logprobs, len(echo)) if choice.logprobs else None
    return {"index": number, "text": echo + text, "logprobs": logprobs, "finish_reason": reason_of(choice.stop)}


def _head(framing: Framing) -> dict[str, Json]:
    return {
        "id": f"cmpl-{framing.seed}",
        "object": "text_completion",
        "created": framing.created,
        "model": framing.model,
    }


def _logprobs(entries: Sequence[Json], offset: int) -> dict[str, Json]:
    """Parallel lists, where Chat has a list of objects. `offset`: of the first token, in code points of the text."""
    tokens: list[Json] = []
    values: list[Json] = []
    tops: list[Json] = []
    offsets: list[Json] = []
    for entry in entries:
        if not isinstance(entry, dict):
            continue
        token = entry.get("token")
        tokens.append(token)
        values.append(entry.get("logprob"))
        tops.append(_alternatives(entry.get("top_logprobs")))
        offsets.append(offset)
        offset += len(token) if isinstance(token, str) else 0
    return {"tokens": tokens, "token_logprobs": values, "top_logprobs": tops, "text_offset": offsets}


def _alternatives(entries: Json) -> Json:
    found = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return {str(entry.get("token")): entry.get("logprob") for entry in found}
