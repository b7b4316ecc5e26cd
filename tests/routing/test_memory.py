from __future__ import annotations

from cliproxy.routing.memory import MAX_CHANGES, note


def test_of_one_row_the_last_change_counts() -> None:
    changes: dict[str, int | None] = {}
    for row in (1, 2, None):
        note(changes, "key", row)
    assert changes == {"key": None}


def test_changes_that_nobody_takes_are_bounded_and_the_oldest_go() -> None:
    changes: dict[int, int | None] = dict.fromkeys(range(MAX_CHANGES))
    note(changes, -1, 1)
    assert (len(changes), 0 in changes, -1 in changes) == (MAX_CHANGES, False, True)


def test_what_changes_again_is_not_the_oldest() -> None:
    changes: dict[int, int | None] = dict.fromkeys(range(MAX_CHANGES))
    note(changes, 0, 1)
    note(changes, -1, 1)
    assert (0 in changes, 1 in changes) == (True, False)
