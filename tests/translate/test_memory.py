"""The memory of reasoning: by call, conversation and maker; bounded."""

from __future__ import annotations

from cliproxy.conversation.parts import Blob, Thinking
from cliproxy.translate.envelopes import Maker
from cliproxy.translate.memory import ReasoningMemory, Recollection

MAKER = Maker.of("openai-chat:api.deepseek.com", "deepseek-reasoner")
THOUGHT = Recollection((Thinking("first I look", Blob("")),))


def test_what_came_with_a_call_is_recalled() -> None:
    memory = ReasoningMemory()
    memory.keep(MAKER, "conversation", "call_1", THOUGHT)
    assert memory.recall(MAKER, "conversation", "call_1") == THOUGHT


def test_another_call_recalls_nothing() -> None:
    memory = ReasoningMemory()
    memory.keep(MAKER, "conversation", "call_1", THOUGHT)
    assert memory.recall(MAKER, "conversation", "call_2") is None


def test_the_same_id_in_another_conversation_is_another_call() -> None:
    memory = ReasoningMemory()
    memory.keep(MAKER, "one", "functions.read:0", THOUGHT)
    assert memory.recall(MAKER, "two", "functions.read:0") is None


def test_another_model_recalls_nothing() -> None:
    memory = ReasoningMemory()
    memory.keep(MAKER, "conversation", "call_1", THOUGHT)
    assert memory.recall(Maker.of(MAKER.origin, "deepseek-chat"), "conversation", "call_1") is None


def test_the_oldest_is_forgotten_when_there_is_too_much() -> None:
    memory = ReasoningMemory(max_bytes=3 * 1000)
    for number in range(10):
        memory.keep(MAKER, "conversation", str(number), Recollection((Thinking("x" * 600),)))
    assert [number for number in range(10) if memory.recall(MAKER, "conversation", str(number))] == [7, 8, 9]


def test_what_was_used_lately_is_kept() -> None:
    memory = ReasoningMemory(max_bytes=2500)
    memory.keep(MAKER, "conversation", "a", Recollection((Thinking("x" * 600),)))
    memory.keep(MAKER, "conversation", "b", Recollection((Thinking("x" * 600),)))
    memory.recall(MAKER, "conversation", "a")
    memory.keep(MAKER, "conversation", "c", Recollection((Thinking("x" * 600),)))
    assert memory.recall(MAKER, "conversation", "a") is not None
    assert memory.recall(MAKER, "conversation", "b") is None


def test_keeping_the_same_call_again_takes_no_more_room() -> None:
    memory = ReasoningMemory(max_bytes=2500)
    memory.keep(MAKER, "conversation", "other", Recollection((Thinking("x" * 600),)))
    for _ in range(100):
        memory.keep(MAKER, "conversation", "same", Recollection((Thinking("x" * 600),)))
    assert memory.recall(MAKER, "conversation", "other") is not None


def test_what_is_larger_than_everything_is_not_kept() -> None:
    memory = ReasoningMemory(max_bytes=2500)
    memory.keep(MAKER, "conversation", "huge", Recollection((Thinking("x" * 10_000),)))
    assert len(memory) == 0
