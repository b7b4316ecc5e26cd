"""The letters in which Amp knows its tools."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.amp.tools import AMP_TOOLS, Casing, casing_of


def asking(*names: object, **fields: object) -> Casing:
    """The casing of a request with these tools."""
    return casing_of(orjson.dumps({"tools": [{"name": name} for name in names], **fields}))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("bash", "Bash"),
        ("BASH", "Bash"),
        ("read", "Read"),
        ("grep", "Grep"),
        ("task", "Task"),
        ("check", "Check"),
        ("Glob", "glob"),
        ("glob", "glob"),
        ("Bash", "Bash"),
    ],
)
def test_where_the_request_names_no_tools_amps_own_are_known(name: str, told: str) -> None:
    assert Casing().told(name) == told


def test_a_name_that_nobody_knows_is_told_as_it_is() -> None:
    assert Casing().told("Finder") == "Finder"
    assert asking("edit_file").told("oRacle") == "oRacle"


def test_the_requests_casing_is_told() -> None:
    assert asking("edit_File").told("Edit_file") == "edit_File"


def test_the_requests_casing_goes_before_amps_own() -> None:
    assert asking("bash").told("Bash") == "bash"


def test_a_lower_case_name_of_the_request_stays() -> None:
    assert asking("bash").told("bash") == "bash"


def test_amps_own_are_known_beside_the_requests() -> None:
    assert asking("edit_file").told("read") == "Read"


@pytest.mark.parametrize("names", [("bash", "Bash"), ("Bash", "bash")])
@pytest.mark.parametrize("name", ["bash", "Bash", "BASH"])
def test_where_the_request_has_a_name_in_two_casings_it_is_left_alone(names: tuple[str, str], name: str) -> None:
    assert asking(*names).told(name) == name


def test_a_tool_that_is_named_twice_in_one_casing_is_no_conflict() -> None:
    assert asking("Edit", "Edit", tool_choice={"type": "tool", "name": "Edit"}).told("edit") == "Edit"


def test_the_tool_that_is_demanded_counts() -> None:
    assert casing_of(b'{"tool_choice":{"type":"tool","name":"BaSh"}}').told("bash") == "BaSh"


def test_the_tool_that_is_demanded_may_conflict_with_the_tools() -> None:
    assert asking("bash", tool_choice={"name": "Bash"}).told("BASH") == "BASH"


def test_a_conflict_in_one_name_is_none_in_another() -> None:
    assert asking("bash", "Bash", "Edit").told("edit") == "Edit"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"tools":null,"tool_choice":null}',
        b'{"tools":"bash","tool_choice":"auto"}',
        b'{"tools":[7,null,"bash",{"name":7},{"name":["bash"]},{}],"tool_choice":{"type":"auto"}}',
        b'{"tools":[{"name":"ba\xffsh"}]}',
        b'{"tools":' + b"[" * 100_000,
    ],
)
def test_what_is_no_list_of_tools_names_none(body: bytes) -> None:
    assert casing_of(body).told("bash") == "Bash"


def test_a_tool_that_is_none_does_not_hide_the_others() -> None:
    assert casing_of(b'{"tools":[7,{"name":null},{"name":"bash"}]}').told("BASH") == "bash"


@given(names=st.lists(st.sampled_from(["bash", "Bash", "edit", "Edit", "EDIT", "x"]), max_size=5))
def test_every_name_of_the_request_is_told_as_it_is(names: list[str]) -> None:
    casing = asking(*names)
    assert [casing.told(name) for name in names] == names


@given(name=st.text())
def test_a_name_is_told_with_another_case_at_the_most(name: str) -> None:
    assert asking("Edit").told(name).lower() == name.lower()


def test_amps_own_are_found_by_lower_case() -> None:
    assert all(lower == name.lower() for lower, name in AMP_TOOLS.items())
