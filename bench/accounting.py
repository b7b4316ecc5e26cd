"""What a process has used, by the kernel's own account: CPU time and resident memory, children included (Linux)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
PROC: Final = Path("/proc")


def parse_cpu_ticks(stat: str) -> int:
    """Ticks of CPU in the text of `/proc/PID/stat`: own and of children that were waited for, user and system.

    Counting the waited-for ones keeps the sum over a tree from falling when a child ends.
    """
    # The second field, the name, may hold spaces and brackets: the fields are counted from behind it.
    after_name = stat.rpartition(")")[2].split()
    return sum(int(ticks) for ticks in after_name[11:15])


def cpu_seconds(pid: int) -> float:
    """CPU time that the process and all below it have used until now."""
    ticks = sum(parse_cpu_ticks(_text(member / "stat")) for member in _tree(pid))
    return ticks / TICKS_PER_SECOND


def resident_bytes(pid: int) -> int:
    """Resident memory of the process and all below it."""
    pages = sum(int(_text(member / "statm").split()[1]) for member in _tree(pid))
    return pages * os.sysconf("SC_PAGE_SIZE")


def _tree(pid: int) -> Iterator[Path]:
    waiting = [pid]
    while waiting:
        member = PROC / str(waiting.pop())
        yield member
        for thread in (member / "task").iterdir():
            waiting.extend(int(child) for child in _text(thread / "children").split())


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
