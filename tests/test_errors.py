from __future__ import annotations

import pytest

from cliproxy import errors
from cliproxy.errors import ClientMistake, MethodNotAllowed, ProxyError, Reported, UnknownModel, UpstreamTrouble

TREE = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ProxyError)]


@pytest.mark.parametrize("kind", [kind for kind in TREE if issubclass(kind, ClientMistake)])
def test_a_client_s_mistake_has_a_status_below_500(kind: type[ProxyError]) -> None:
    assert 400 <= kind.status < 500


@pytest.mark.parametrize("kind", TREE)
def test_every_error_has_one_of_two_faces(kind: type[ProxyError]) -> None:
    assert kind is ProxyError or issubclass(kind, ClientMistake) != issubclass(kind, UpstreamTrouble)


@pytest.mark.parametrize("kind", [kind for kind in TREE if issubclass(kind, UpstreamTrouble) and kind is not Reported])
def test_trouble_upstream_may_know_when_to_come_back(kind: type[UpstreamTrouble]) -> None:
    assert kind("Alas.").retry_after is None
    assert kind("Alas.", 3.0).retry_after == 3.0
    assert kind.status == 429 or kind.status >= 500


def test_an_error_prints_as_its_message() -> None:
    error = ProxyError("Alas.")
    assert (str(error), error.message) == ("Alas.", "Alas.")


def test_an_unknown_model_names_the_nearest() -> None:
    error = UnknownModel("opus", ["claude-opus-5", "claude-opus-4-8"])
    assert error.message == "No credential here serves the model 'opus'. Nearest known: claude-opus-5, claude-opus-4-8."
    assert (error.status, error.model) == (404, "opus")


def test_that_no_name_is_near_means_that_there_is_none_was_wrong() -> None:
    message = UnknownModel("zzz", []).message
    assert message == "No credential here serves the model 'zzz'. GET /v1/models lists those that are served."


def test_a_wrong_method_is_told_the_right_ones() -> None:
    error = MethodNotAllowed(["GET", "HEAD"])
    assert error.message == "This path takes GET and HEAD only."
    assert (error.status, error.allowed) == (405, ("GET", "HEAD"))
