"""What agents ask over some days: conversations, drawn from a seed. How they are served plays no part in it.

The beginnings have the sizes of what coding clients send first, at four bytes a token. What follows is the work of an
agent: most turns bring a tool's result seconds after the reply before, some wait for a person, few for an hour; now and
then several side threads work at once, and whoever began them waits for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from random import Random
from typing import Final

import attrs

HOUR: Final = 3600.0
DAY: Final = 24 * HOUR
CONVERSATIONS_AN_HOUR: Final = 2.0
"""For each account, at the busiest time of the day."""
NIGHT: Final = 0.25
"""What is left of that at the quietest."""
BUSIEST_HOUR: Final = 15.0

BEGINNINGS: Final = ((29_000, 0.5), (22_000, 0.15), (15_000, 0.05), (12_000, 0.1), (10_000, 0.15), (3_000, 0.05))
"""Tokens of a first request and how often it is seen: clients with 25 tools, with fewer, with none."""
AGENT_BEGINNINGS: Final = (12_500, 8_200)
LONGEST_PROMPT: Final = 160_000
"""Then a client has the history summed up."""
SUMMARY_TOKENS: Final = 6_000
TURNS: Final = (5, 200)
TAIL: Final = 0.9
"""The exponent: the smaller, the more of the work is done in long conversations."""
AGENT_TURNS: Final = (3, 40)
AGENTS: Final = 0.02
"""How often a turn begins side threads."""
MOST_AGENTS: Final = 4


@attrs.frozen
class Turn:
    """One request of a thread, and its reply."""

    gap: float
    """Seconds from the end of the reply before."""
    prompt: int
    """Tokens of all that is sent."""
    history: int
    """How often it has been summed up: prompts of one number begin with each other."""
    reply: int
    """Tokens."""
    seconds: float
    """How long the reply takes."""
    agents: tuple[Thread, ...] = ()
    """What works behind it, before the next turn."""


@attrs.frozen(eq=False)
class Thread:
    """One line of work, whose prompts grow."""

    begin: int
    """Tokens that stay the first ones whatever happens: the operator's words and the tools."""
    turns: tuple[Turn, ...]


@attrs.frozen(eq=False)
class Conversation:
    """What one client does under one name."""

    at: float
    """Seconds from the beginning of the first day."""
    session: bytes
    main: Thread


def conversations(seed: int, days: float, accounts: int) -> list[Conversation]:
    """All of them, in order of time."""
    chance = Random(f"conversations {seed}")
    return [
        Conversation(at, number.to_bytes(16, "big"), _main(chance))
        for number, at in enumerate(_beginnings(chance, days, CONVERSATIONS_AN_HOUR * accounts))
    ]


def _beginnings(chance: Random, days: float, an_hour: float) -> Iterator[float]:
    """A Poisson process whose rate swings with the hour of the day: of one at the highest rate, a part is kept."""
    at = 0.0
    while (at := at + chance.expovariate(an_hour / HOUR)) < days * DAY:
        swing = 0.5 + 0.5 * math.cos(2 * math.pi * (at / HOUR - BUSIEST_HOUR) / 24)
        if chance.random() < NIGHT + (1 - NIGHT) * swing:
            yield at


def _main(chance: Random) -> Thread:
    sizes, weights = zip(*BEGINNINGS, strict=True)
    return _thread(chance, chance.choices(sizes, weights)[0], TURNS, AGENTS)


def _agent(chance: Random) -> Thread:
    return _thread(chance, chance.choice(AGENT_BEGINNINGS), AGENT_TURNS, 0.0)


def _thread(chance: Random, begin: int, count: tuple[int, int], agents: float) -> Thread:
    least, most = count
    prompt, history = begin + _between(chance, 150, 1.0, 20, 3000), 0
    turns: list[Turn] = []
    for number in range(min(most, int(least * chance.random() ** (-1 / TAIL)))):
        reply = _between(chance, 350, 0.9, 100, 3000)
        turns.append(
            Turn(
                gap=_gap(chance, tools_only=not agents) if number else 0.0,
                prompt=prompt,
                history=history,
                reply=reply,
                seconds=min(90.0, max(3.0, 1.5 + reply / chance.uniform(25, 80))),
                agents=_agents(chance, agents),
            )
        )
        prompt += reply + _between(chance, 900, 1.1, 100, 12_000)
        if prompt > LONGEST_PROMPT:
            prompt, history = begin + SUMMARY_TOKENS, history + 1
    return Thread(begin, tuple(turns))


def _agents(chance: Random, often: float) -> tuple[Thread, ...]:
    if chance.random() >= often:
        return ()
    return tuple(_agent(chance) for _ in range(chance.randint(1, MOST_AGENTS)))


def _gap(chance: Random, *, tools_only: bool) -> float:
    """Tools answer in seconds, a person in minutes, who was at lunch in an hour; no person talks to side threads."""
    kind = chance.random()
    if tools_only or kind < 0.88:
        return min(40.0, max(2.0, 6.0 * math.exp(chance.gauss(0, 0.9))))
    if kind < 0.99:
        return min(1200.0, 30.0 + chance.expovariate(1 / 150))
    return chance.uniform(0.5 * HOUR, 1.5 * HOUR)


def _between(chance: Random, median: float, spread: float, least: int, most: int) -> int:
    """Log-normal, cut at both ends."""
    return int(min(most, max(least, median * math.exp(chance.gauss(0, spread)))))
