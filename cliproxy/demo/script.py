"""The script that drives the demo: directives such as `[[tool:Read {"path": "a"}]]` in the last user text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Final

import attrs
import orjson

from cliproxy.demo.replies import JsonObject, writable
from cliproxy.demo.settings import FAULTS, MAX_DELTAS, MAX_SECONDS
from cliproxy.errors import BadRequest

MAX_DIRECTIVES: Final = 200
"""In one text. Far more than a person writes."""


@attrs.frozen
class Call:
    """A tool and the arguments to call it with."""

    name: str
    arguments: JsonObject
    free_text: str | None = None
    """In place of the arguments, for a tool that takes free text."""

    @property
    def written(self) -> str:
        """What is handed to the tool, as text."""
        return orjson.dumps(self.arguments).decode() if self.free_text is None else self.free_text


@attrs.frozen
class Script:
    """What the directives of one text ask for; None where they leave it to the settings."""

    calls: tuple[Call, ...] = ()
    parallel: bool = False
    """All calls in one turn, rather than one a turn."""
    say: str | None = None
    deltas: int | None = None
    delta_pause_seconds: float | None = None
    fault: str | None = None
    stall_seconds: float | None = None


def read_script(text: str) -> tuple[Script, str]:
    """The script in `text`, and the text that is left without it.

    Raises `BadRequest` for a directive that is known but wrong. Other double brackets are plain text.
    """
    script, rest, at, count = Script(), [], 0, 0
    for opening in _OPENING.finditer(text):
        if opening.start() < at:
            continue
        closing = _closing(text, opening)
        if closing == -1:
            break
        count += 1
        if count > MAX_DIRECTIVES:
            raise BadRequest(f"The demo takes at most {MAX_DIRECTIVES} directives in one text.")
        name, argument = opening[1], text[opening.end() : closing].strip()
        try:
            script = DIRECTIVES[name](script, argument)
        except ValueError as error:
            raise BadRequest(f"The directive [[{name}]] cannot be understood: {error}.") from error
        rest.append(text[at : opening.start()])
        at = closing + 2
    return script, "".join(rest) + text[at:]


def has_directive(text: str) -> bool:
    """Whether some directive is opened in `text`."""
    return _OPENING.search(text) is not None


def _closing(text: str, opening: re.Match[str]) -> int:
    """Where the directive's `]]` is, -1 if nowhere. The arguments of a tool may hold `]]` themselves."""
    start = opening.end()
    closing = text.find("]]", start)
    brace = text.find("{", start, closing) if opening[1] == "tool" and closing != -1 else -1
    if brace == -1:
        return closing
    try:
        _, end = _DECODER.raw_decode(text, brace)
    except (ValueError, RecursionError) as error:
        raise BadRequest("The directive [[tool]] cannot be understood: its arguments are no JSON.") from error
    return text.find("]]", end)


def _tool(script: Script, argument: str) -> Script:
    name, _, arguments = argument.partition(" ")
    if not name:
        raise ValueError("it names no tool")
    decoded = orjson.loads(arguments or "{}")
    if not isinstance(decoded, dict):
        raise ValueError("its arguments are no JSON object")
    if not writable(decoded):
        raise ValueError("its arguments are nested too deeply")
    return attrs.evolve(script, calls=(*script.calls, Call(name, decoded)))


def _parallel(script: Script, _: str) -> Script:
    return attrs.evolve(script, parallel=True)


def _say(script: Script, argument: str) -> Script:
    return attrs.evolve(script, say=argument if script.say is None else f"{script.say}\n{argument}")


def _deltas(script: Script, argument: str) -> Script:
    deltas = int(argument)
    if not 1 <= deltas <= MAX_DELTAS:
        raise ValueError(f"it takes a number from 1 to {MAX_DELTAS}")
    return attrs.evolve(script, deltas=deltas)


def _delay(script: Script, argument: str) -> Script:
    return attrs.evolve(script, delta_pause_seconds=_seconds(argument, 1000))


def _fault(script: Script, argument: str) -> Script:
    if argument not in FAULTS:
        raise ValueError(f"there are the faults {', '.join(FAULTS)}")
    return attrs.evolve(script, fault=argument)


def _stall(script: Script, argument: str) -> Script:
    return attrs.evolve(script, stall_seconds=_seconds(argument, 1))


def _seconds(argument: str, units: int) -> float:
    seconds = float(argument) / units
    if not 0 <= seconds <= MAX_SECONDS:
        raise ValueError(f"it takes a number from 0 to {MAX_SECONDS * units:.0f}")
    return seconds


DIRECTIVES: Final[Mapping[str, Callable[[Script, str], Script]]] = {
    "tool": _tool,
    "parallel": _parallel,
    "say": _say,
    "deltas": _deltas,
    "delay": _delay,
    "fault": _fault,
    "stall": _stall,
}
"""Each takes the script so far and the directive's argument; a wrong argument is a `ValueError`."""

_OPENING: Final = re.compile(rf"\[\[({'|'.join(DIRECTIVES)})(?::|(?=\]\]))")
_DECODER: Final = json.JSONDecoder()
"""Unlike orjson it can tell where a value ends."""
