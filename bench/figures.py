"""The arithmetic of the report: percentiles, what one measurement says, and rows of medians over several rounds."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import attrs

Contestant = Literal["daemon", "baseline"]
Round = Mapping[Contestant, Mapping[str, float]]
"""What one round found: a value for each figure, by its title, of each contestant."""


@attrs.frozen
class Measured:
    """What the load generator saw in one window, and what the process behind it used meanwhile."""

    replies: int
    """Good and whole ones that ended in the window."""
    bad: int
    """Everything else from the first connection to the last, outside the window too; any makes a run invalid."""
    complaint: str
    """What was wrong with the first bad one; empty if none was."""
    deltas: int
    reads: int
    """How often the sockets of the load generator were read."""
    seconds: float
    cpu_seconds: float
    """Used by the process tree under measurement."""
    load_cpu_seconds: float
    """Used by the load generator itself: near `seconds`, it was the bottleneck."""
    first_byte_ms: tuple[float, float] | None
    """Request sent to first byte of the body: p50, p99."""
    delta_ms: tuple[float, float] | None
    """Delta sent by the upstream to delta read: p50, p99."""


@attrs.frozen
class Figure:
    """One line of the table."""

    title: str
    digits: int = 0
    target: float | None = None
    """The largest ratio of one value to the other that satisfies."""


@attrs.frozen
class Row:
    """A figure after all rounds: medians of both, and the median of the ratios of each round."""

    scenario: str
    figure: Figure
    daemon: float
    baseline: float
    ratio: float | None
    """None where the baseline is not above zero (an added latency may be lost in the noise)."""

    @property
    def met(self) -> bool | None:
        """Whether the target was met; None where there is none."""
        if self.figure.target is None:
            return None
        return self.ratio is not None and self.ratio <= self.figure.target


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The nearest-rank percentile of ascending values, of which there is at least one."""
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(rank, 1) - 1]


def median_and_p99(values: Sequence[float]) -> tuple[float, float] | None:
    """p50 and p99, or None where there is no value."""
    if not values:
        return None
    ordered = sorted(values)
    return percentile(ordered, 50), percentile(ordered, 99)


def row(scenario: str, figure: Figure, rounds: Sequence[Round]) -> Row:
    """Fold rounds into a row. Ratios pair what ran in the same round: the neighbours on the machine were the same."""
    daemon = [each["daemon"][figure.title] for each in rounds]
    baseline = [each["baseline"][figure.title] for each in rounds]
    ratios = [ours / theirs for ours, theirs in zip(daemon, baseline, strict=True) if theirs > 0]
    return Row(
        scenario,
        figure,
        statistics.median(daemon),
        statistics.median(baseline),
        statistics.median(ratios) if ratios else None,
    )


_COLUMNS: Final = "{:<23}{:<33}{:>11}{:>12}{:>7}  {}"


def table(rows: Sequence[Row], ours: str = "daemon", theirs: str = "baseline") -> str:
    """The rows as text, with the targets and whether they were met. `ours` and `theirs` stand above the values."""
    lines = [_COLUMNS.format("scenario", "figure", ours, theirs, "ratio", "target").rstrip()]
    lines += [
        _COLUMNS.format(
            each.scenario,
            each.figure.title,
            f"{each.daemon:.{each.figure.digits}f}",
            f"{each.baseline:.{each.figure.digits}f}",
            "-" if each.ratio is None else f"{each.ratio:.2f}",
            _target(each),
        ).rstrip()
        for each in rows
    ]
    return "\n".join(lines)


def _target(each: Row) -> str:
    if each.figure.target is None:
        return ""
    return f"<= {each.figure.target:.1f} {'met' if each.met else 'MISSED'}"
