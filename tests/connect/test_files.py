"""A client's files on disk: changed as a whole or not at all, and the earlier one kept."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from cliproxy.connect.files import Done, Refused, carry_out, plan
from cliproxy.connect.settings import File, TextFormat

NOW = 1_800_000_000.0
STAMP = "20270115T080000Z"
WANTED = {"env": {"URL": "new"}}


def file(place: Path, text_format: TextFormat = "json", *, holds_key: bool = True) -> File:
    return File(place, text_format, WANTED, holds_key=holds_key)


def mode(place: Path) -> int:
    return stat.S_IMODE(place.stat().st_mode)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "settings.json"
    place.write_text('{"mine": 1, "env": {"URL": "earlier"}}')
    place.chmod(0o600)
    return place


def test_a_new_file_and_its_directories_are_the_owners_alone(tmp_path: Path) -> None:
    place = tmp_path / "a" / "b" / "settings.json"
    assert carry_out(plan(file(place)), NOW) == Done()
    assert json.loads(place.read_text()) == WANTED
    assert (mode(place), mode(place.parent), mode(place.parent.parent)) == (0o600, 0o700, 0o700)


def test_planning_writes_nothing(tmp_path: Path) -> None:
    plan(file(tmp_path / "a" / "settings.json"))
    assert list(tmp_path.iterdir()) == []


def test_the_rest_of_a_file_stays(place: Path) -> None:
    carry_out(plan(file(place)), NOW)
    assert json.loads(place.read_text()) == {"mine": 1, **WANTED}


def test_the_earlier_file_is_kept_beside_the_new(place: Path) -> None:
    before = place.read_bytes()
    done = carry_out(plan(file(place)), NOW)
    assert done.backup == place.with_name(f"settings.json.{STAMP}.bak")
    assert done.backup.read_bytes() == before


def test_a_backup_is_the_owners_alone(place: Path) -> None:
    place.chmod(0o644)
    done = carry_out(plan(file(place)), NOW)
    assert done.backup is not None
    assert mode(done.backup) == 0o600


def test_a_second_backup_of_the_same_second_has_another_name(place: Path) -> None:
    carry_out(plan(file(place)), NOW)
    place.write_text("{}")
    done = carry_out(plan(file(place)), NOW)
    assert done.backup == place.with_name(f"settings.json.{STAMP}-1.bak")


def test_a_second_time_there_is_nothing_to_do(place: Path) -> None:
    carry_out(plan(file(place)), NOW)
    assert not plan(file(place)).changes


def test_what_is_replaced_is_named_without_its_value(place: Path) -> None:
    planned = plan(file(place))
    assert planned.replaced == ("env.URL",)
    assert "earlier" not in repr(planned)


def test_a_file_that_holds_a_key_is_kept_from_others(place: Path) -> None:
    place.chmod(0o664)
    assert carry_out(plan(file(place)), NOW).tightened
    assert mode(place) == 0o600


def test_a_file_without_a_key_keeps_its_mode(place: Path) -> None:
    place.chmod(0o644)
    assert not carry_out(plan(file(place, holds_key=False)), NOW).tightened
    assert mode(place) == 0o644


def test_a_link_stays_and_its_target_is_written(place: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(place)
    done = carry_out(plan(file(link)), NOW)
    assert link.is_symlink()
    assert json.loads(place.read_text())["env"] == WANTED["env"]
    assert done.backup is not None
    assert done.backup.parent == place.parent


def test_a_link_to_nowhere_leads_to_a_new_file(tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(tmp_path / "dotfiles" / "settings.json")
    carry_out(plan(file(link)), NOW)
    assert link.is_symlink()
    assert json.loads(link.read_text()) == WANTED


def test_an_empty_file_is_filled(place: Path) -> None:
    place.write_text("")
    carry_out(plan(file(place)), NOW)
    assert json.loads(place.read_text()) == WANTED


def test_a_byte_order_mark_is_no_fault(place: Path) -> None:
    place.write_text('\ufeff{"mine": 1}')
    carry_out(plan(file(place)), NOW)
    assert json.loads(place.read_text()) == {"mine": 1, **WANTED}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"a": }', "is no JSON, as line 1 shows"),
        (b'{"env": "x"}', ": env is no group of settings"),
        (b"\xff", "is not UTF-8 text"),
        (b"{} // mine", "has comments"),
        (b" " * (5 * 1024 * 1024), "is larger than 4 MiB"),
    ],
)
def test_a_file_that_cannot_be_changed_is_refused(place: Path, content: bytes, told: str) -> None:
    place.write_bytes(content)
    with pytest.raises(Refused) as refused:
        plan(file(place))
    assert str(refused.value).startswith(f"{place}")
    assert told in str(refused.value)
    assert place.read_bytes() == content


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="is a directory"):
        plan(file(tmp_path))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Refused, match="is not a file"):
        plan(file(tmp_path / "pipe"))


def test_a_circle_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(Refused, match="Too many levels"):
        plan(file(tmp_path / "a"))


def test_a_file_that_was_changed_meanwhile_is_left_alone(place: Path) -> None:
    planned = plan(file(place))
    place.write_text('{"newer": 1}')
    with pytest.raises(Refused, match="by somebody else"):
        carry_out(planned, NOW)
    assert place.read_text() == '{"newer": 1}'
    assert list(place.parent.iterdir()) == [place]


def test_a_file_that_appeared_meanwhile_is_left_alone(tmp_path: Path) -> None:
    planned = plan(file(tmp_path / "settings.json"))
    (tmp_path / "settings.json").write_text("{}")
    with pytest.raises(Refused, match="by somebody else"):
        carry_out(planned, NOW)
    assert (tmp_path / "settings.json").read_text() == "{}"


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    planned = plan(file(tmp_path / "file" / "settings.json"))
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match="cannot be written: "):
        carry_out(planned, NOW)
