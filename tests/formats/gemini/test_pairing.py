"""Results and their calls."""

from __future__ import annotations

from cliproxy.formats.gemini.pairing import Pairing


def paired(*answered: str) -> Pairing:
    return Pairing(frozenset(answered))


def test_a_call_without_an_id_is_called_by_its_position() -> None:
    assert paired().call("", "f", "1_0") == "call_none_1_0"


def test_results_of_one_name_are_paired_in_order() -> None:
    pairing = paired()
    pairing.call("", "f", "1_0")
    pairing.call("", "g", "1_1")
    pairing.call("", "f", "1_2")
    assert [pairing.result("", name, "x")[0] for name in ("f", "f", "g")] == [
        "call_none_1_0",
        "call_none_1_2",
        "call_none_1_1",
    ]


def test_a_result_without_an_id_takes_the_id_of_a_call_that_has_one() -> None:
    pairing = paired()
    pairing.call("c1", "f", "1_0")
    assert pairing.result("", "f", "2_0") == ("c1", "f")


def test_a_result_with_an_id_answers_a_call_without_one() -> None:
    pairing = paired("c1")
    pairing.call("", "f", "1_0")
    assert pairing.result("c1", "f", "2_0") == ("call_none_1_0", "f")


def test_a_call_whose_id_is_given_by_a_result_is_left_to_it() -> None:
    pairing = paired("c1")
    pairing.call("c1", "f", "1_0")
    pairing.call("c2", "f", "1_1")
    assert [pairing.result("", "f", "2_0")[0], pairing.result("c1", "f", "2_1")[0]] == ["c2", "c1"]


def test_no_call_is_answered_twice() -> None:
    pairing = paired("c1")
    pairing.call("c1", "f", "1_0")
    pairing.result("c1", "f", "2_0")
    assert pairing.result("", "f", "2_1") == ("call_none_2_1", "f")


def test_a_result_without_a_name_takes_the_first_call_and_its_name() -> None:
    pairing = paired()
    pairing.call("", "g", "1_0")
    assert pairing.result("", "", "2_0") == ("call_none_1_0", "g")


def test_the_last_step_comes_before_calls_that_were_never_answered() -> None:
    pairing = paired()
    pairing.call("", "f", "1_0")
    pairing.user_spoke()
    pairing.call("", "f", "3_0")
    assert [pairing.result("", "f", "4_0")[0], pairing.result("", "f", "4_1")[0]] == [
        "call_none_3_0",
        "call_none_1_0",
    ]


def test_an_orphan_keeps_its_id() -> None:
    assert paired("c9").result("c9", "f", "2_0") == ("c9", "f")
