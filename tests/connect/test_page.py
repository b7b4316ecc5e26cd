"""What a person at the terminal is shown."""

from __future__ import annotations

from pathlib import Path

from cliproxy.connect.files import Done, Plan
from cliproxy.connect.page import client_list, exports, settings_page, short, written_page
from cliproxy.connect.settings import HIDDEN_KEY, Client, Daemon, File, Home, Setup
from cliproxy.connect.table import CLIENTS

HOME = Path("/home/me")
PLACE = HOME / ".client" / "settings.json"


def client(setup: Setup) -> Client:
    def told(_: Daemon, __: Home) -> Setup:
        return setup

    return Client("client", "The Client", "somewhere", told)


def test_the_list_tells_where_settings_go() -> None:
    shown = client_list(CLIENTS.values())
    assert all(f"  {name} " in shown for name in CLIENTS)
    assert all(known.where in shown for known in CLIENTS.values())


def test_files_are_shown_as_they_are_to_be() -> None:
    setup = Setup("client 'Hello'", files=(File(PLACE, "json", {"a": "1"}),))
    assert settings_page(client(setup), setup, HOME) == (
        '~/.client/settings.json\n  {\n    "a": "1"\n  }\n\nTo check it\n  client \'Hello\''
    )


def test_variables_are_lines_for_a_shell() -> None:
    assert exports({"A": "plain", "B": "it's", "C": HIDDEN_KEY, "D": ""}) == (
        "export A=plain\nexport B='it'\"'\"'s'\nexport C=\"$CLIPROXY_KEY\""
    )


def test_steps_are_numbered() -> None:
    setup = Setup("look", steps=("Open it.", "Close it."))
    assert "By hand, in The Client\n  1. Open it.\n  2. Close it." in settings_page(client(setup), setup, HOME)


def test_notes_are_shown() -> None:
    setup = Setup("look", notes=("Beware.",))
    assert "\n\nBeware.\n\n" in f"\n\n{settings_page(client(setup), setup, HOME)}"


def test_a_file_that_says_so_already_was_not_touched() -> None:
    planned = Plan(PLACE, PLACE, b"", b"", holds_key=True)
    assert written_page(planned, None, HOME) == "~/.client/settings.json says so already; it was not touched."


def test_what_was_done_is_told() -> None:
    planned = Plan(PLACE, PLACE, b"{}", b"", holds_key=True, replaced=("a.b", "c"))
    assert written_page(planned, Done(PLACE.with_name("x.bak"), tightened=True), HOME).splitlines() == [
        "~/.client/settings.json is written.",
        "  The earlier one is kept: ~/.client/x.bak",
        "  Had another value: a.b, c",
        "  It holds a key, so others on this machine can no longer read it.",
    ]


def test_a_path_outside_the_home_directory_is_whole() -> None:
    assert short(Path("/srv/x"), HOME) == "/srv/x"
