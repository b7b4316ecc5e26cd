"""What the demo says next, in no wire's words: a `Talk` and its script in, a `Turn` out."""

from __future__ import annotations

from typing import Final, Literal

import attrs
import orjson

from cliproxy.demo.script import Call, Script, read_script
from cliproxy.demo.settings import DemoSettings

Stop = Literal["end", "tools", "length"]

ECHO_CHARACTERS: Final = 200
RESULT_CHARACTERS: Final = 2000
"""Of each tool result: enough to find a token in it, too few to send a file back."""
GREETING_DELTAS: Final = 8
FILLER: Final = "lorem ipsum dolor sit amet "
"""One more delta of a standard reply that is asked for in more deltas than its words need."""
BYTES_A_TOKEN: Final = 4
"""A rough estimate, good enough to see that numbers add up."""


@attrs.frozen
class Talk:
    """What the script needs to know of a request."""

    prompt: str
    """The user's last instruction, all of its text."""
    last_words: str
    """Its last block: a coding CLI puts its own reminders into blocks before the user's words."""
    results: tuple[str, ...]
    """Texts of the tool results that came after the instruction."""
    tools: frozenset[str]
    """Names of the tools on offer."""
    thinking: Literal["off", "shown", "omitted"]
    max_tokens: int


@attrs.frozen
class Turn:
    """One answer."""

    thinking: str | None
    """None: no thinking. Empty: thinking that is not shown."""
    text: tuple[str, ...]
    """In deltas, none of them empty; no delta: no text."""
    calls: tuple[Call, ...]
    stop: Stop

    def tokens(self) -> int:
        """The estimate of its size, at least 1."""
        arguments = sum(len(call.name) + len(orjson.dumps(call.arguments)) for call in self.calls)
        return max(1, -(-(len(((self.thinking or "") + "".join(self.text)).encode()) + arguments) // BYTES_A_TOKEN))


def plan(talk: Talk, script: Script, settings: DemoSettings) -> Turn:
    """The next turn: pending tool calls first, then the last word."""
    deltas = script.deltas or settings.deltas
    calls = script.calls[len(talk.results) :]
    calls = calls if script.parallel else calls[:1]
    missing = sorted({call.name for call in calls} - talk.tools)
    if missing:
        calls, text = (), pieces(f"The script calls {', '.join(missing)}, but no such tool is on offer.", deltas)
    elif calls:
        text = pieces(f"I call {', '.join(call.name for call in calls)}.", deltas)
    elif script.say is not None:
        text = pieces(script.say, deltas)
    elif talk.results:
        told = "\n".join(result[:RESULT_CHARACTERS] for result in talk.results)
        text = pieces(f"The tools gave:\n{told}", deltas)
    else:
        text = _greeting(talk.last_words, deltas)
    turn = Turn(_thinking(talk), text, calls, "tools" if calls else "end")
    return _within(turn, talk.max_tokens)


def pieces(text: str, count: int) -> tuple[str, ...]:
    """`text` in at most `count` parts of nearly one length; fewer if it has fewer characters."""
    count = min(count, len(text))
    return tuple(text[len(text) * i // count : len(text) * (i + 1) // count] for i in range(count))


def _greeting(last_words: str, deltas: int) -> tuple[str, ...]:
    echo = read_script(last_words)[1].strip()[:ECHO_CHARACTERS]
    text = f"This is the demo upstream of cliproxy: no model was asked. You said: “{echo}” "
    return pieces(text, min(deltas, GREETING_DELTAS)) + (FILLER,) * (deltas - GREETING_DELTAS)


def _thinking(talk: Talk) -> str | None:
    if talk.thinking == "off":
        return None
    if talk.thinking == "omitted":
        return ""
    return f"The user wrote {len(talk.last_words)} characters — there is a script for that ☕."


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
        left -= len(call.name) + len(orjson.dumps(call.arguments))
        if left < 0:
            break
        calls.append(call)
    return Turn(thinking, tuple(text), tuple(calls), "length")


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore")
