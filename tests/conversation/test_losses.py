"""Losses: what is noted, and what of it counts as left out."""

from __future__ import annotations

from cliproxy.conversation.losses import MAX_LOSSES, Loss, Losses


def test_losses_are_told_in_their_order() -> None:
    losses = Losses()
    losses.drop("seed", "no such thing")
    losses.emulate("stop", "by watching the text")
    assert list(losses) == [Loss("seed", "no such thing"), Loss("stop", "by watching the text", emulated=True)]


def test_what_is_emulated_is_not_left_out() -> None:
    losses = Losses()
    losses.emulate("stop", "by watching the text")
    assert losses.dropped == ()


def test_the_same_loss_is_noted_once() -> None:
    losses = Losses()
    losses.drop("seed", "no such thing")
    losses.drop("seed", "no such thing")
    assert len(losses) == 1


def test_a_history_of_thousands_of_odd_parts_fills_no_memory() -> None:
    losses = Losses()
    for number in range(10_000):
        losses.drop(f"messages.{number}", "odd")
    assert len(losses) == MAX_LOSSES
