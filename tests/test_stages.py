"""Which models are asked for: the client's own, those that stand in for it, and what their suffixes ask."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import pytest
from twisted.internet.task import Clock

from cliproxy.ask import Ask, Provision
from cliproxy.config.schema import Config, Model, Retrying, Share
from cliproxy.errors import BadRequest, UnknownModel
from cliproxy.formats import FORMATS
from cliproxy.formats.wire import Operation
from cliproxy.house import House
from cliproxy.routing.sessions import Session
from cliproxy.stages import BYTES_PER_TOKEN, stages_of
from tests.support.house import key, request

OPUS, HAIKU = "claude-opus-4-5", "claude-haiku-4-5"


def provision(fallbacks: Mapping[str, tuple[str, ...]] | None = None, *more: str) -> Provision:
    """One key that serves two models, and perhaps others."""
    models = tuple(Model(name, name) for name in (OPUS, HAIKU, *more))
    config = Config(claude_keys=(key(0, models=models),), retrying=Retrying(fallbacks=fallbacks or {}))
    return House(config, Clock())._exchanges.provision


def ask(model: str = OPUS, operation: Operation = Operation.GENERATE, wire: str = "anthropic") -> Ask:
    return Ask("req_1", FORMATS[wire], operation, model, stream=False, body=request(stream=False), headers=())


def names(asked: Ask, given: Provision) -> list[str]:
    return [stage.wanted.name for stage in stages_of(asked, given, 0)]


def test_a_model_alone_is_one_stage() -> None:
    assert names(ask(), provision()) == [OPUS]


def test_stand_ins_come_behind_it_in_their_order() -> None:
    assert names(ask(), provision({OPUS: ("spare", HAIKU)}, "spare")) == [OPUS, "spare", HAIKU]


def test_a_suffix_is_no_part_of_the_name() -> None:
    assert names(ask(f"{OPUS}(high)"), provision({OPUS: (f"{HAIKU}(low)",)})) == [OPUS, HAIKU]


def test_a_name_that_is_served_as_it_is_keeps_what_looks_like_a_suffix() -> None:
    assert names(ask("model(high)"), provision(None, "model(high)")) == ["model(high)"]


def test_stand_ins_for_the_whole_name_go_before_those_for_the_bare_one() -> None:
    given = provision({OPUS: (HAIKU,), f"{OPUS}(high)": ("spare",)}, "spare")
    assert names(ask(f"{OPUS}(high)"), given) == [OPUS, "spare"]


def test_one_request_is_read_once_for_all_stages_that_ask_the_same() -> None:
    one, two = stages_of(ask(), provision({OPUS: (HAIKU,)}), 0)
    assert one.translation is two.translation


def test_a_stage_with_a_suffix_of_its_own_has_a_request_of_its_own() -> None:
    one, two = stages_of(ask(), provision({OPUS: (f"{HAIKU}(low)",)}), 0)
    assert one.translation is not two.translation


def test_an_unknown_model_is_told_with_the_nearest() -> None:
    with pytest.raises(UnknownModel, match=OPUS):
        stages_of(ask("claude-opus-4-6(high)"), provision(), 0)


def test_what_nobody_can_compact_is_the_clients_mistake() -> None:
    with pytest.raises(BadRequest, match="compact"):
        stages_of(ask(operation=Operation.COMPACT, wire="openai-responses"), provision(), 0)


def test_a_conversation_is_looked_for_by_its_key() -> None:
    talked = attrs.evolve(ask(), find_session=lambda: Session(b"k", "header"))
    two = House(Config(claude_keys=(key(0), key(1))), Clock())._exchanges.provision
    (stage,) = stages_of(talked, two, 0)
    assert stage.wanted.session == b"k"


def test_where_nobody_could_choose_the_conversation_is_not_looked_for() -> None:
    talked = attrs.evolve(ask(), find_session=lambda: pytest.fail("it was looked for"))
    assert stages_of(talked, provision(), 0)[0].wanted.session == b""


def test_in_a_queue_the_conversation_counts_though_there_is_one_key() -> None:
    talked = attrs.evolve(ask(), find_session=lambda: Session(b"k", "header"))
    config = Config(claude_keys=(key(0, share=Share(max_concurrency=1)),))
    assert stages_of(talked, House(config, Clock())._exchanges.provision, 0)[0].wanted.session == b"k"


def test_work_is_weighed_by_the_length_of_the_request() -> None:
    (stage,) = stages_of(ask(), provision(), 0)
    assert stage.wanted.tokens == len(request(stream=False)) // BYTES_PER_TOKEN


def test_counting_weighs_nothing_and_proves_nothing() -> None:
    (stage,) = stages_of(ask(operation=Operation.COUNT_TOKENS), provision(), 0)
    assert (stage.wanted.tokens, stage.wanted.proves) == (0, False)


def test_the_same_list_is_the_same_object_each_time() -> None:
    """By that the pool knows it again."""
    given = provision()
    for operation in (Operation.GENERATE, Operation.COUNT_TOKENS):
        one, two = (stages_of(ask(operation=operation), given, 0)[0].wanted.candidates for _ in range(2))
        assert one is two
