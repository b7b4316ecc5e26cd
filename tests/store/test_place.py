"""Where the state is: beside the accounts, unless the configuration says otherwise."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from cliproxy.store.place import socket_path, state_folder, state_path


@attrs.frozen
class Says:
    """What a configuration says."""

    auth_dir: str = "/accounts"
    state_dir: str = ""


def test_it_is_a_folder_beside_the_accounts() -> None:
    assert state_folder(Says()) == Path("/accounts/state")


def test_a_directory_of_its_own_may_be_named() -> None:
    assert state_folder(Says(state_dir="/var/lib/cliproxy")) == Path("/var/lib/cliproxy")


@pytest.mark.parametrize("says", [Says(auth_dir="~/a"), Says(state_dir="~/a/state")])
def test_a_tilde_is_the_home_directory(says: Says, empty_home: Path) -> None:
    assert state_folder(says) == empty_home / "a" / "state"


def test_the_file_and_the_socket_are_in_it() -> None:
    assert (state_path(Says()), socket_path(Says())) == (
        Path("/accounts/state/state.db"),
        Path("/accounts/state/control.sock"),
    )
