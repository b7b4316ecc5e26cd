from __future__ import annotations

from cliproxy.quota import Limits, Window


def test_a_window_is_over_when_it_begins_anew() -> None:
    window = Window("5h", used=1, resets_at=100)
    assert not window.over(99.9)
    assert window.over(100)


def test_an_answer_that_says_nothing_has_no_windows_and_no_hint() -> None:
    assert Limits() == Limits(windows=(), retry_after=None, whole_account=False)
