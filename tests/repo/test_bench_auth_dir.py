"""The benchmark of the account files: its files are real ones, and it measures what it says."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from bench.auth_dir import FILES, Cost, make_files, measured_apart, report
from cliproxy.logins.files import load_all

GOOD = Cost(accounts=FILES, load_seconds=0.5, modules_megabytes=70.0, megabytes=90.0, poll_seconds=1e-4)


def test_its_files_are_accounts_of_the_size_of_real_ones(tmp_path: Path) -> None:
    make_files(tmp_path, 10)
    loaded = load_all(tmp_path)
    assert (len(loaded.logins), loaded.problems) == (10, {})
    assert {login.type for login in loaded.logins} == {"claude", "codex"}
    assert max(path.stat().st_size for path in tmp_path.iterdir()) > 4000


def test_it_says_that_the_targets_were_met() -> None:
    assert report(GOOD, GOOD).endswith("Every target was met.")


@pytest.mark.parametrize("bad", [attrs.evolve(GOOD, load_seconds=2.1), attrs.evolve(GOOD, megabytes=101.0)])
def test_it_says_what_was_missed(bad: Cost) -> None:
    assert report(bad, GOOD).endswith("A target was missed.")


@pytest.mark.real
def test_a_fresh_process_is_measured(tmp_path: Path) -> None:
    make_files(tmp_path, 20)
    cost = measured_apart(tmp_path)
    assert cost.accounts == 20
    assert 0 < cost.modules_megabytes <= cost.megabytes
    assert cost.poll_seconds > 0
