"""Settings are put into settings, and each change is told."""

from __future__ import annotations

import pytest

from cliproxy.connect.merge import Change, Unmergeable, merge, path_text
from cliproxy.connect.settings import Listed, Unless


def test_what_is_not_wanted_stays_in_its_order() -> None:
    merged = merge({"z": 1, "env": {"PATH": "mine"}, "a": None}, {"env": {"URL": "new"}})
    assert list(merged.settings.items()) == [("z", 1), ("env", {"PATH": "mine", "URL": "new"}), ("a", None)]


def test_what_is_there_already_is_no_change() -> None:
    assert merge({"env": {"URL": "new"}}, {"env": {"URL": "new"}}).changes == ()


def test_another_value_is_replaced_and_told() -> None:
    merged = merge({"model": "old"}, {"model": "new"})
    assert (merged.settings, merged.changes) == ({"model": "new"}, (Change(("model",), "new", replaces=True),))


def test_a_truth_is_no_number() -> None:
    assert merge({"on": 1}, {"on": True}).settings["on"] is True


def test_a_missing_group_is_one_change() -> None:
    assert merge({}, {"a": {"b": {"c": "1"}}}).changes == (Change(("a",), {"b": {"c": "1"}}),)


def test_an_empty_place_is_filled_and_nothing_is_replaced() -> None:
    assert merge({"env": None}, {"env": {"URL": "new"}}).changes == (Change(("env",), {"URL": "new"}),)


def test_the_settings_that_were_given_are_not_changed() -> None:
    present: dict[str, object] = {"env": {"A": "1"}, "list": [{"id": "x"}]}
    merge(present, {"env": {"B": "2"}, "list": Listed({"id": "x", "n": "2"}, "id")})
    assert present == {"env": {"A": "1"}, "list": [{"id": "x"}]}


def test_unless_gives_way_to_what_is_there() -> None:
    assert merge({"version": 7}, {"version": Unless(1)}).settings == {"version": 7}


def test_unless_fills_what_is_missing() -> None:
    assert merge({}, {"version": Unless(1)}).settings == {"version": 1}


def test_unless_fills_what_is_missing_in_a_new_group() -> None:
    assert merge({}, {"a": {"version": Unless(1)}}).settings == {"a": {"version": 1}}


def test_a_list_that_is_missing_is_made() -> None:
    assert merge({}, {"list": Listed({"id": "x", "n": Unless(1)}, "id")}).settings == {"list": [{"id": "x", "n": 1}]}


def test_another_element_is_appended() -> None:
    merged = merge({"list": [{"id": "y"}, "text"]}, {"list": Listed({"id": "x"}, "id")})
    assert merged.settings == {"list": [{"id": "y"}, "text", {"id": "x"}]}


def test_the_same_element_is_changed_and_keeps_the_rest() -> None:
    merged = merge({"list": [{"id": "x", "n": "1", "mine": True}]}, {"list": Listed({"id": "x", "n": "2"}, "id")})
    assert merged.settings == {"list": [{"id": "x", "n": "2", "mine": True}]}
    assert merged.changes == (Change(("list", 0, "n"), "2", replaces=True),)


def test_texts_are_told_apart_by_their_names() -> None:
    merged = merge({"set-env": ["AB=1", "A=1", 5]}, {"set-env": Listed("A=2")})
    assert merged.settings == {"set-env": ["AB=1", "A=2", 5]}


@pytest.mark.parametrize(
    ("present", "wanted", "told"),
    [
        ({"env": "PATH"}, {"env": {"A": "1"}}, "env is no group of settings"),
        ({"a": {"list": {}}}, {"a": {"list": Listed("A=1")}}, "a.list is no list"),
    ],
)
def test_what_is_of_another_kind_is_not_overwritten(
    present: dict[str, object], wanted: dict[str, object], told: str
) -> None:
    with pytest.raises(Unmergeable, match=told):
        merge(present, wanted)


def test_no_value_is_shown() -> None:
    assert "sk-secret" not in repr(merge({"key": "sk-old-secret"}, {"key": "sk-secret", "list": Listed("A=sk-secret")}))


def test_a_path_is_written_as_people_write_it() -> None:
    assert path_text(("models", 0, "name")) == "models[0].name"
