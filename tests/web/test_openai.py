"""OpenAI's shape of the list of models."""

from __future__ import annotations

import orjson

from cliproxy.web.openai import model_list, one_model


def test_a_list_has_its_models_in_order() -> None:
    listed = orjson.loads(model_list(["b", "a"]))
    assert (listed["object"], [row["id"] for row in listed["data"]]) == ("list", ["b", "a"])


def test_an_empty_list_is_a_list() -> None:
    assert orjson.loads(model_list([])) == {"object": "list", "data": []}


def test_one_model_has_the_required_fields() -> None:
    assert orjson.loads(one_model("a")) == {"id": "a", "object": "model", "created": 0, "owned_by": "cliproxy"}
