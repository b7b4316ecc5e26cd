"""What is wrong with a configuration file, gathered whole: a person mends all of it in one go."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NoReturn

import attrs

MAX_PROBLEMS: Final = 200
"""As many of each sort are gathered; nobody reads more of them, and a log must not grow with the file."""


@attrs.frozen
class Problem:
    """One fault, or one doubt: where it stands and what to do. Holds no value of the file, for it may be a secret."""

    line: int | None
    """Counted from 1. None: the file as a whole."""
    key: str
    """Dotted, as in `cliproxy.config.keys.KEYS`. Empty where no key is to blame."""
    message: str

    def at(self, file: str) -> str:
        """`FILE:LINE: KEY: MESSAGE`, the way compilers speak, without the parts that are not known."""
        place = file if self.line is None else f"{file}:{self.line}"
        return ": ".join(part for part in (place, self.key, self.message) if part)


class ConfigInvalid(Exception):
    """A file that is no configuration; `problems` are all that were found, in the order of their lines."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(problem.at("config") for problem in problems))
        self.problems = problems


class ConfigUnreadable(Exception):
    """A file whose text could not be had; the message is one sentence with its path."""


class Findings:
    """Gathers while a file is read, each finding once however often it is met. Changes: three sets, all bounded."""

    def __init__(self) -> None:
        self._problems: dict[Problem, None] = {}
        self._warnings: dict[Problem, None] = {}
        self._not_in_use: dict[str, None] = {}

    def problem(self, line: int | None, key: str, message: str) -> None:
        """Note a fault, because of which the file will not be used. Raises `ConfigInvalid` when there are too many."""
        self._problems.setdefault(Problem(line, key, message))
        if len(self._problems) >= MAX_PROBLEMS:
            self.give_up(Problem(None, "", "too many problems; no more are listed"))

    def warning(self, line: int | None, key: str, message: str) -> None:
        """Note a doubt; the file is used all the same."""
        if len(self._warnings) < MAX_PROBLEMS:
            self._warnings.setdefault(Problem(line, key, message))

    def not_in_use(self, key: str) -> None:
        """Note a key that is known but has no effect; once is enough."""
        self._not_in_use.setdefault(key)

    def give_up(self, last: Problem) -> NoReturn:
        """Stop reading: raises `ConfigInvalid` with all found so far, and `last`."""
        raise ConfigInvalid((*_in_order(self._problems), last))

    def raise_problems(self) -> None:
        """Raise `ConfigInvalid` if there was any fault."""
        if self._problems:
            raise ConfigInvalid(_in_order(self._problems))

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The doubts, in the order of their lines."""
        return _in_order(self._warnings)

    @property
    def unused_keys(self) -> tuple[str, ...]:
        """The known keys without effect, in the order of the file."""
        return tuple(self._not_in_use)


def _in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda problem: problem.line or 0))
