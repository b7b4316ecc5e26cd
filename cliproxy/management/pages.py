"""What `cliproxy status` and `cliproxy explain` show: text for a terminal, of what the daemon told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import Final

from cliproxy.management.shapes import (
    CandidateTold,
    CooldownTold,
    CredentialTold,
    Explanation,
    Status,
    StepTold,
    WindowTold,
)
from cliproxy.management.wording import (
    amount,
    clock,
    columns,
    duration,
    moment,
    percent,
    plain,
    plural,
    unbroken,
    wrapped,
)

MAX_SHOWN: Final = 20
"""Credentials, unless all are asked for: what fits a screen or two."""
MAX_DETAILS: Final = 8
"""Windows and cooldowns of one credential, each."""
_TROUBLE: Final[Mapping[str, int]] = {
    "needs login": 0,
    "cooling": 1,
    "half-open": 2,
    "probing": 3,
    "full": 4,
}
"""In the order in which somebody should look at them."""
_IN_PART: Final = 5
"""A credential that is well but for some model."""
_WELL: Final = 6
_DISABLED: Final = 7
"""Somebody wanted it so."""
_NUMBERS: Final = frozenset({3, 4, 5, 6, 7})
_HEAD: Final = ("CREDENTIAL", "PROVIDER", "STATE", "NOW", "TALKS", "SERVED", "FAILED", "LOAD")


def status_page(status: Status, width: int, *, everything: bool = False) -> str:
    """How the pool is. Unless `everything` is asked for, a large pool is shown by those in trouble and by numbers."""
    ranked = sorted(status.credentials, key=_rank)
    if everything or len(ranked) <= MAX_SHOWN:
        shown = ranked
    else:
        shown = [credential for credential in ranked if _rank(credential) < _WELL][:MAX_SHOWN]
    lines = [_headline(status), ""]
    if shown:
        lines += [*_table(shown, status.now, width), ""]
    lines += _not_shown(ranked, len(shown))
    lines += _who_is_next(status.next, width, everything=everything)
    return "\n".join([*lines, *wrapped(_summary(status), width, 0)])


def explanation_page(explanation: Explanation, width: int, zone: tzinfo | None = None) -> str:
    """Why a request went where it did, choice by choice. Times are in `zone`, by default the reader's own."""
    source = explanation.session.source if explanation.session is not None else ""
    lines = [
        f"{plain(explanation.request_id)}  {moment(explanation.at, zone)}  {plain(explanation.model)}",
        *wrapped(f"Outcome: {plain(explanation.outcome) or 'under way'}", width, 0),
        *wrapped(f"Conversation: {'known by ' + plain(source) if source else 'not known'}", width, 0),
    ]
    for number, step in enumerate(explanation.steps, start=1):
        lines += ["", *_step(number, step, width, zone)]
    if not explanation.steps:
        lines += ["", "Nobody was chosen."]
    return "\n".join(lines)


# -- status --------------------------------------------------------------------------------------------------------


def _rank(credential: CredentialTold) -> int:
    if credential.state == "disabled":
        return _DISABLED
    return _TROUBLE.get(credential.state, _IN_PART if credential.cooldowns else _WELL)


def _headline(status: Status) -> str:
    counts = Counter(credential.state for credential in status.credentials)
    states = sorted(counts, key=lambda state: (_TROUBLE.get(state, _WELL) if state != "ready" else -1, state))
    told = ", ".join(f"{counts[state]:,} {plain(state)}" for state in states)
    total = plural(len(status.credentials), "credential")
    return f"cliproxy {plain(status.version)}, {plain(status.strategy)}. {total}{f': {told}' if told else ''}."


def _table(credentials: Sequence[CredentialTold], now: float, width: int) -> Iterator[str]:
    head, *rows = columns([_HEAD, *map(_cells, credentials)], width, _NUMBERS)
    yield head
    for credential, row in zip(credentials, rows, strict=True):
        yield row
        for sentence in _details(credential, now):
            yield from wrapped(sentence, width, 4)


def _cells(credential: CredentialTold) -> Sequence[str]:
    limit = f"/{credential.limit}" if credential.limit else ""
    return (
        plain(credential.id),
        plain(credential.provider),
        plain(credential.state),
        f"{credential.in_flight}{limit}",
        f"{credential.conversations:,}",
        f"{credential.served:,}",
        f"{credential.failed:,}",
        amount(credential.load),
    )


def _details(credential: CredentialTold, now: float) -> Iterator[str]:
    if credential.label and credential.label not in credential.id:
        yield plain(credential.label)
    facts = [_window(window, now) for window in credential.windows[:MAX_DETAILS]]
    facts += _more(len(credential.windows), "window")
    if credential.expires_at is not None:
        facts.append(_token(credential.expires_at - now))
    if facts:
        yield ", ".join(unbroken(fact) for fact in facts)
    for cooldown in credential.cooldowns[:MAX_DETAILS]:
        yield _cooldown(cooldown, now)
    yield from _more(len(credential.cooldowns), "cooldown")


def _more(count: int, name: str) -> list[str]:
    return [f"and {plural(count - MAX_DETAILS, f'more {name}')}"] if count > MAX_DETAILS else []


def _window(window: WindowTold, now: float) -> str:
    whose = f" of {plain(window.model)}" if window.model else ""
    left = window.resets_at - now
    reset = f"resets in {duration(left)}" if left > 0 else f"has reset {duration(-left)} ago"
    return f"{plain(window.name)}{whose} {percent(window.used)} ({reset})"


def _token(left: float) -> str:
    return f"token ends in {duration(left)}" if left > 0 else f"token ended {duration(-left)} ago"


def _cooldown(cooldown: CooldownTold, now: float) -> str:
    what = plain(cooldown.model) or "every model"
    status = str(cooldown.status) if cooldown.status else "no answer"
    in_a_row = f", {cooldown.failures} in a row" if cooldown.failures > 1 else ""
    said = f": “{plain(cooldown.reason, 300)}”" if cooldown.reason else ""
    when = f"{duration(now - cooldown.since)} ago"
    return f"{what}: {plain(cooldown.verdict)} ({status}) {when}{in_a_row}; {_outlook(cooldown, now)}{said}"


def _outlook(cooldown: CooldownTold, now: float) -> str:
    if cooldown.until <= now:
        return "one request may try now"
    told = f"expected back in {duration(cooldown.until - now)}"
    if cooldown.probe_at is None or cooldown.probe_at >= cooldown.until:
        return told
    if cooldown.probe_at <= now:
        return f"{told}, one request may try now"
    return f"{told}, one request may try in {duration(cooldown.probe_at - now)}"


def _not_shown(ranked: Sequence[CredentialTold], shown: int) -> list[str]:
    hidden = ranked[shown:]
    if not hidden:
        return []
    troubled = sum(1 for credential in hidden if _rank(credential) < _WELL)
    well = sum(1 for credential in hidden if _rank(credential) == _WELL)
    told = [(troubled, "in trouble"), (well, "well"), (len(hidden) - troubled - well, "disabled")]
    numbers = ", ".join(f"{count:,} {name}" for count, name in told if count)
    return [f"Not shown: {numbers}. --all shows everything.", ""]


def _who_is_next(following: Mapping[str, str], width: int, *, everything: bool) -> list[str]:
    models: dict[str, list[str]] = {}
    for model, credential in following.items():
        models.setdefault(credential, []).append(model)
    if not models:
        return []
    most = len(models) if everything else MAX_SHOWN
    lines = ["Next in turn"]
    for credential, names in list(models.items())[:most]:
        listed = ", ".join(plain(name) for name in names)
        lines += wrapped(f"{plain(credential)}: {listed}", width, 4, len(following) if everything else 3)
    if len(models) > most:
        lines.append(f"    and {plural(len(models) - most, 'more credential')}")
    return [*lines, ""]


def _summary(status: Status) -> str:
    affinity = status.affinity
    waiting = f"{plural(status.queue.waiting, 'request')} in the queue" if status.queue.waiting else "Nobody waits"
    probes = f"{plural(status.probes, 'probe')} under way" if status.probes else "no probe is under way"
    return (
        f"{plural(affinity.conversations, 'conversation')}, each where its prompt cache is;"
        f" {plural(affinity.moves, 'move')} so far, at the price of {amount(affinity.cached_tokens_lost)} cached"
        f" tokens. {waiting}, {probes}."
    )


# -- explain -------------------------------------------------------------------------------------------------------


def _step(number: int, step: StepTold, width: int, zone: tzinfo | None) -> Iterator[str]:
    taken = f"{plain(step.taken)}" if step.taken is not None else "nobody"
    model = f" as {plain(step.model)}" if step.model and step.model != step.name else ""
    why = f": {plain(step.why)}" if step.why else ""
    yield from wrapped(f"{number}. {clock(step.at, zone)}  {plain(step.name)} → {taken}{model}{why}", width, 0)
    rows = columns([*map(_candidate, step.candidates)], width - 4)
    for candidate, row in zip(step.candidates, rows, strict=True):
        yield from _with_detail(f"    {row}", plain(candidate.detail), width)
    if step.others:
        yield f"    and {plural(step.others, 'other')}"


def _candidate(candidate: CandidateTold) -> Sequence[str]:
    return (plain(candidate.credential), plain(candidate.fate), plain(candidate.model))


def _with_detail(row: str, detail: str, width: int) -> list[str]:
    """On the same line if it fits, else below."""
    if not detail:
        return [row]
    line = f"{row}: {detail}"
    return [line] if len(line) <= width else [row, *wrapped(detail, width, 8)]
