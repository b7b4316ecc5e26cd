"""What the demo says next, in no wire's words: a `Talk` and its script in, a `Turn` out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import attrs
import orjson

from cliproxy.demo.history import Attachment, Instruction
from cliproxy.demo.instance import instance
from cliproxy.demo.replies import Json
from cliproxy.demo.script import Call, Script, read_script
from cliproxy.demo.settings import DemoSettings
from cliproxy.demo.usage import BYTES_A_TOKEN, tokens_of

Stop = Literal["end", "tools", "length", "sequence"]

ECHO_CHARACTERS: Final = 200
RESULT_CHARACTERS: Final = 2000
"""Of each tool result: enough to find a token in it, too few to send a file back."""
GREETING_DELTAS: Final = 8
FILLER: Final = "lorem ipsum dolor sit amet "
"""One more delta of a standard reply that is asked for in more deltas than its words need."""
NO_LIMIT: Final = 1 << 31
"""Where a request need not say how long the answer may be."""


@attrs.frozen
class Tool:
    """A tool on offer."""

    name: str
    """In full, as scripts call it: `namespace__name` if it stands in a namespace."""
    schema: Json = attrs.field(default=None, repr=False)
    """Of its arguments."""
    custom: bool = False
    """It takes free text in place of arguments."""
    namespace: str = ""


@attrs.frozen
class Choice:
    """Whether tools may or must be called."""

    mode: Literal["auto", "required", "none"] = "auto"
    names: tuple[str, ...] | None = None
    """Only these; None: any."""
    parallel: bool = True
    """Several in one turn."""


@attrs.frozen
class Talk:
    """What the script needs to know of a request."""

    instruction: Instruction
    tools: tuple[Tool, ...] = ()
    choice: Choice = Choice()
    thinking: Literal["off", "shown", "omitted"] = "off"
    max_tokens: int = NO_LIMIT
    stops: tuple[str, ...] = ()
    structured: bool = False
    """The answer is to be JSON that fits `schema`."""
    schema: Json = attrs.field(default=None, repr=False)


@attrs.frozen
class Turn:
    """One answer."""

    thinking: str | None
    """None: no thinking."""
    shown: bool
    """Whether the thinking may be read."""
    text: tuple[str, ...]
    """In deltas, none of them empty; no delta: no text."""
    calls: tuple[Call, ...]
    stop: Stop
    sequence: str | None = None
    """The stop sequence that came up."""

    @property
    def visible_thinking(self) -> str:
        """What may be read of it."""
        return (self.thinking or "") if self.shown else ""

    def tokens(self) -> int:
        """The estimate of its size, at least 1."""
        size = sum(_size(call) for call in self.calls) + len(((self.thinking or "") + "".join(self.text)).encode())
        return max(1, tokens_of(size))

    def thinking_tokens(self) -> int:
        """How many of them are thinking."""
        return tokens_of(len((self.thinking or "").encode()))


def plan(talk: Talk, script: Script, settings: DemoSettings) -> Turn:
    """The next turn: pending tool calls first, then the last word."""
    deltas = script.deltas or settings.deltas
    calls, missing = _calls(talk, script)
    if missing:
        text = pieces(f"The script calls {', '.join(missing)}, but no such tool is on offer.", deltas)
    elif calls:
        text = pieces(f"I call {', '.join(call.name for call in calls)}.", deltas)
    elif script.say is not None:
        text = pieces(script.say, deltas)
    elif talk.structured:
        text = pieces(orjson.dumps(instance(talk.schema)).decode(), deltas)
    elif talk.instruction.results:
        told = "\n".join(result[:RESULT_CHARACTERS] for result in talk.instruction.results)
        text = pieces(f"The tools gave:\n{told}{_seen(talk.instruction.attachments)}", deltas)
    else:
        text = _greeting(talk.instruction, deltas)
    turn = Turn(_thinking(talk), talk.thinking != "omitted", text, calls, "tools" if calls else "end")
    return _within(_stopped(turn, talk.stops), talk.max_tokens)


def pieces(text: str, count: int) -> tuple[str, ...]:
    """`text` in at most `count` parts of nearly one length; fewer if it has fewer characters."""
    count = min(count, len(text))
    return tuple(text[len(text) * i // count : len(text) * (i + 1) // count] for i in range(count))


# -- what is said --------------------------------------------------------------------------------------------------


def _calls(talk: Talk, script: Script) -> tuple[tuple[Call, ...], list[str]]:
    """The calls of this turn; if the script names a tool that may not be called, none, and the names."""
    offered = {tool.name: tool for tool in talk.tools if talk.choice.names is None or tool.name in talk.choice.names}
    if talk.choice.mode == "none":
        offered = {}
    pending = script.calls[len(talk.instruction.results) :]
    pending = pending if script.parallel and talk.choice.parallel else pending[:1]
    missing = sorted({call.name for call in pending} - offered.keys())
    if pending and not missing:
        return tuple(_fitting(call, offered[call.name]) for call in pending), []
    if talk.choice.mode == "required" and offered:
        tool = next(iter(offered.values()))
        arguments = instance(None if tool.custom else tool.schema)
        return (_fitting(Call(tool.name, arguments if isinstance(arguments, dict) else {}), tool),), []
    return (), missing


def _fitting(call: Call, tool: Tool) -> Call:
    """The call as its tool takes it: of free text, `input` is what is said."""
    if not tool.custom:
        return call
    free = call.arguments.get("input", "demo")
    return attrs.evolve(call, free_text=free if isinstance(free, str) else orjson.dumps(free).decode())


def _greeting(instruction: Instruction, deltas: int) -> tuple[str, ...]:
    echo = read_script(instruction.last_words)[1].strip()[:ECHO_CHARACTERS]
    seen = _seen(instruction.attachments)
    text = f"This is the demo upstream of cliproxy: no model was asked. You said: “{echo}”{seen} "
    return pieces(text, min(deltas, GREETING_DELTAS)) + (FILLER,) * (deltas - GREETING_DELTAS)


def _seen(attachments: Iterable[Attachment]) -> str:
    """A sentence that proves what arrived."""
    told = [
        f"{attachment.kind} of {attachment.size} bytes" if attachment.size is not None else f"{attachment.kind} by link"
        for attachment in attachments
    ]
    return f" I see {len(told)} attached: {', '.join(told)}." if told else ""


def _thinking(talk: Talk) -> str | None:
    if talk.thinking == "off":
        return None
    return f"The user wrote {len(talk.instruction.last_words)} characters — there is a script for that ☕."


# -- where it ends -------------------------------------------------------------------------------------------------


def _stopped(turn: Turn, stops: tuple[str, ...]) -> Turn:
    """The turn, cut where its text first says one of the stop sequences."""
    text = "".join(turn.text)
    places = [(text.index(stop), stop) for stop in stops if stop and stop in text]
    if not places:
        return turn
    end, sequence = min(places, key=lambda place: place[0])
    kept, left = [], end
    for piece in turn.text:
        if left <= 0:
            break
        kept.append(piece[:left])
        left -= len(piece)
    return attrs.evolve(turn, text=tuple(kept), calls=(), stop="sequence", sequence=sequence)


def _within(turn: Turn, max_tokens: int) -> Turn:
    """The turn, cut where `max_tokens` are spent. A call that does not fit is not begun."""
    if turn.tokens() <= max_tokens:
        return turn
    left = max_tokens * BYTES_A_TOKEN
    thinking, text, calls = turn.thinking, [], []
    if thinking is not None:
        thinking = _cut(thinking, left)
        left -= len(thinking.encode())
    for piece in turn.text:
        kept = _cut(piece, left)
        left -= len(kept.encode())
        if kept:
            text.append(kept)
        if kept != piece:
            left = 0
            break
    for call in turn.calls:
        left -= _size(call)
        if left < 0:
            break
        calls.append(call)
    return Turn(thinking, turn.shown, tuple(text), tuple(calls), "length")


def _size(call: Call) -> int:
    return len(call.name.encode()) + len(call.written.encode())


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore")
