"""A neutral reply as a stream of this wire, or as a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

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
from cliproxy.conversation.parts import Json, Part, Refusal, ServerCall, ServerResult, Text, Thinking, ToolCall
from cliproxy.conversation.reply import Reply, unfold
from cliproxy.conversation.usage import Usage
from cliproxy.formats import jsontext
from cliproxy.formats.codec import Framing
from cliproxy.formats.openai_responses.errors import error_code
from cliproxy.formats.openai_responses.response_object import ResponseObject, Status
from cliproxy.formats.openai_responses.written_items import (
    Lines,
    Place,
    WrittenCall,
    WrittenContent,
    WrittenMessage,
    WrittenPart,
    WrittenReasoning,
    WrittenSearch,
    whole_item,
)

_INCOMPLETE: Final[Mapping[Stop, str]] = MappingProxyType(
    {Stop.LENGTH: "max_output_tokens", Stop.CONTEXT: "max_output_tokens", Stop.REFUSAL: "content_filter"}
)
_SEARCHES: Final = ("web_search", "web_fetch")


class ResponsesReplyEncoder:
    """Writes one streamed reply. Several items may be open at once, as this wire allows.

    State: the items so far, the parts that are open, and the end as far as it is known.
    """

    def __init__(self, framing: Framing, *, told: bool = True) -> None:
        """`told`: the stream is wanted, and not only the response that it ends with."""
        self._seed = framing.seed
        self._lines = Lines(told=told)
        self._object = ResponseObject(framing)
        self._output: list[Json] = []
        self._open: dict[int, WrittenPart] = {}
        self._messages: list[WrittenMessage] = []
        self._searches: dict[str, WrittenSearch] = {}
        self._declined = False
        self._begun = not told
        self._over = False
        self._finished = Finished(Stop.END)
        self._usage: Usage | None = None
        self.response: dict[str, object] = {}
        """The response as a whole, once it has ended."""
        self._steps: Mapping[type[Event], Callable[..., bytes]] = {
            Started: self._started,
            Opened: self._opened,
            Delta: self._delta,
            Signed: self._signed,
            Cited: self._cited,
            Closed: self._closed,
            Used: self._used,
            Finished: self._choice_finished,
            Ended: self._ended,
            Failed: self._failed,
        }

    def feed(self, event: Event) -> bytes:
        if self._over:
            return b""
        head = b"" if self._begun else self._begin()
        return head + self._steps[type(event)](event)

    def _begin(self) -> bytes:
        self._begun = True
        response = self._object.write("in_progress", [])
        created = self._lines.write("response.created", {"response": response})
        return created + self._lines.write("response.in_progress", {"response": response})

    def _started(self, event: Started) -> bytes:
        self._usage = event.usage or self._usage
        return b""

    # -- parts --------------------------------------------------------------------------------------------------

    def _opened(self, event: Opened) -> bytes:
        if event.choice:
            return b""  # this wire has one answer
        part, told = event.part, b""
        if event.index in self._open:
            told = self._closed(Closed(event.index))
        if isinstance(part, Text | Refusal):
            return told + self._content(event.index, part)
        if isinstance(part, ServerResult):
            return told + self._found(part)
        return told + self._item(event.index, part)

    def _content(self, index: int, part: Text | Refusal) -> bytes:
        told = b""
        message = self._messages[-1] if self._messages and self._messages[-1].is_last else None
        if message is None:
            message = WrittenMessage(self._place("msg"))
            self._messages.append(message)
            told = message.begin()
        written = WrittenContent(message, len(message.content), isinstance(part, Refusal))
        self._declined = self._declined or written.refusal
        self._open[index] = written
        told += written.begin()
        if part.text:
            told += written.delta(part.text, None)
        for citation in part.citations if isinstance(part, Text) else ():
            told += written.cited(citation)
        return told

    def _item(self, index: int, part: Part) -> bytes:
        if isinstance(part, Thinking):
            told = self._leave_message()
            reasoning = WrittenReasoning(self._place("rs"), self._output)
            self._open[index] = reasoning
            told += reasoning.begin()
            if part.blob is not None:
                reasoning.signed(part.blob.value)
            return told + (reasoning.delta(part.text, None) if part.text else b"")
        if isinstance(part, ToolCall):
            told = self._leave_message()
            call = WrittenCall(self._place("ctc" if part.custom else "fc"), self._output, part)
            self._open[index] = call
            return told + call.begin() + (call.delta(part.arguments, None) if part.arguments else b"")
        if isinstance(part, ServerCall):
            return self._search(index, part)
        return self._whole(part)

    def _search(self, index: int, part: ServerCall) -> bytes:
        if part.tool not in _SEARCHES:
            return b""
        told = self._leave_message()
        search = WrittenSearch(self._place("ws"), self._output, part)
        self._open[index] = search
        earlier = self._searches.pop(part.id, None)
        if earlier is not None:
            told += earlier.end()
        self._searches[part.id] = search
        if part.arguments:
            search.delta(part.arguments, None)
        return told + search.begin()

    def _found(self, part: ServerResult) -> bytes:
        search = self._searches.pop(part.call_id, None)
        if search is None:
            return b""
        search.result = part
        return search.end()

    def _whole(self, part: Part) -> bytes:
        item = whole_item(part, f"ig_{self._seed}_{len(self._output)}")
        if item is None:
            return b""
        told = self._leave_message()
        place = self._place("ig")
        self._output[place.number] = item
        return told + place.added(item) + place.done(item)

    def _place(self, prefix: str) -> Place:
        """The next place in the output."""
        number = len(self._output)
        self._output.append(None)
        return Place(self._lines, f"{prefix}_{self._seed}_{number}", number)

    def _leave_message(self) -> bytes:
        """Something else comes: text after it is another message."""
        if not self._messages or not self._messages[-1].is_last:
            return b""
        message = self._messages[-1]
        message.is_last = False
        return b"" if message.open else self._end_message(message, "completed")

    def _end_message(self, message: WrittenMessage, status: str) -> bytes:
        item = message.item(status)
        self._output[message.place.number] = item
        return message.place.done(item)

    def _delta(self, event: Delta) -> bytes:
        part = self._open.get(event.index)
        return part.delta(event.text, event.logprobs) if part is not None and event.text else b""

    def _signed(self, event: Signed) -> bytes:
        part = self._open.get(event.index)
        if part is not None:
            part.signed(event.blob.value)
        return b""

    def _cited(self, event: Cited) -> bytes:
        part = self._open.get(event.index)
        return part.cited(event.citation) if part is not None else b""

    def _closed(self, event: Closed) -> bytes:
        part = self._open.pop(event.index, None)
        if part is None:
            return b""
        told = part.close()
        if isinstance(part, WrittenContent) and not part.message.open and not part.message.is_last:
            told += self._end_message(part.message, "completed")
        return told

    # -- the end ------------------------------------------------------------------------------------------------

    def _choice_finished(self, event: Finished) -> bytes:
        if event.choice == 0:
            self._finished = event
        return b""

    def _used(self, event: Used) -> bytes:
        self._usage = event.usage
        return b""

    def _ended(self, event: Ended) -> bytes:
        reason = _INCOMPLETE.get(self._finished.stop)
        if self._finished.stop is Stop.REFUSAL and self._declined:
            reason = None  # the refusal itself is there to be read
        status: Status = "completed" if reason is None else "incomplete"
        told = b"".join([self._closed(Closed(index)) for index in list(self._open)])
        told += b"".join([search.end() for search in self._searches.values()])
        if self._messages and self._messages[-1].is_last:
            told += self._end_message(self._messages[-1], status)
        self._over = True
        self.response = self._object.write(status, self._output, self._usage, incomplete=reason)
        return told + self._lines.write(f"response.{status}", {"response": self.response})

    def _failed(self, event: Failed) -> bytes:
        self._over = True
        error: dict[str, Json] = {"code": error_code(event.status, event.context_overflow), "message": event.message}
        whole: list[Json] = [item for item in self._output if item is not None]
        response = self._object.write("failed", whole, self._usage, error=error)
        return self._lines.write("response.failed", {"response": response})


def encode_reply(reply: Reply, framing: Framing) -> bytes:
    """A whole response."""
    encoder = ResponsesReplyEncoder(framing, told=False)
    for event in unfold(reply):
        encoder.feed(event)
    return jsontext.dumps(encoder.response)
