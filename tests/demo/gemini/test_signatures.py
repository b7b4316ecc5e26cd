from __future__ import annotations

import base64

import pytest

from cliproxy.demo.fields import Mistake, Node
from cliproxy.demo.gemini.signatures import SENTINELS, call_signature, check_signature, text_signature
from cliproxy.demo.gemini.words import WORDS
from cliproxy.demo.replies import Json
from tests.demo.gemini.generating import called


def check(part: Json) -> bool:
    return check_signature(Node(part, ("contents", 1, "parts", 0), WORDS))


def test_a_call_is_known_by_its_signature() -> None:
    signature = call_signature("Read", {"a": 1, "b": 2})
    assert check(called("Read", {"b": 2, "a": 1}, thoughtSignature=signature))


def test_a_call_without_arguments_is_known() -> None:
    assert check({"functionCall": {"name": "Read"}, "thoughtSignature": call_signature("Read", {})})


@pytest.mark.parametrize("name", ["Read", "Bash"])
def test_the_signature_of_another_call_is_refused(name: str) -> None:
    with pytest.raises(Mistake, match="Corrupted thought signature"):
        check(called(name, {"a": 2}, thoughtSignature=call_signature("Read", {"a": 1})))


def test_a_text_is_signed_in_another_way() -> None:
    assert check({"text": "", "thoughtSignature": text_signature("hm")})
    with pytest.raises(Mistake, match="Corrupted"):
        check({"text": "", "thoughtSignature": call_signature("Read", {})})
    with pytest.raises(Mistake, match="Corrupted"):
        check(called(thoughtSignature=text_signature("hm")))


def test_both_alphabets_of_base64_are_taken() -> None:
    raw = base64.b64decode(call_signature("Read", {}))
    assert check(called(thoughtSignature=base64.urlsafe_b64encode(raw).decode().rstrip("=")))


@pytest.mark.parametrize("sentinel", SENTINELS)
def test_what_stands_for_a_signature_is_taken(sentinel: str) -> None:
    assert check(called(thoughtSignature=sentinel))


@pytest.mark.parametrize("part", [called(), called(thoughtSignature="")])
def test_no_signature_is_none(part: Json) -> None:
    assert not check(part)


def test_what_is_no_base64_is_told() -> None:
    with pytest.raises(Mistake, match=r"contents\[1\]\.parts\[0\]\.thought_signature' \(TYPE_BYTES\)"):
        check(called(thoughtSignature="☕"))
