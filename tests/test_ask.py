"""What a client asks: nothing of it is printed that may hold a secret."""

from __future__ import annotations

from twisted.internet.task import Clock

from cliproxy.ask import MAX_FILTERED, Ask, Provision
from cliproxy.config.schema import Config, KeyEntry, Model, OpenAICompatibility
from cliproxy.formats import FORMATS
from cliproxy.formats.anthropic import ANTHROPIC
from cliproxy.formats.wire import Operation
from cliproxy.house import House
from cliproxy.routing.catalogue import Candidate
from cliproxy.secret import Secret
from tests.support.house import key

MODEL = "claude-opus-4-5"
CHAT = OpenAICompatibility(
    "chat", "https://chat.example/v1", models=(Model("m", MODEL),), keys=(KeyEntry(Secret("sk-chat-0123456789")),)
)


def provision(*, claude: bool = True) -> Provision:
    """A model by Anthropic and by an upstream of Chat's format, or by that alone."""
    config = Config(claude_keys=(key(0),) if claude else (), openai_compatibility=(CHAT,))
    return House(config, Clock())._exchanges.provision


def kinds(given: Provision, operation: Operation, wire: str = "anthropic") -> list[str]:
    return [one.credential.partition(":")[0] for one in given.candidates(MODEL, operation, FORMATS[wire])]


def test_neither_the_words_nor_the_headers_of_a_client_are_printed() -> None:
    headers = [(b"authorization", b"Bearer sk-secret")]
    ask = Ask("req_1", ANTHROPIC, Operation.GENERATE, "m", False, b'{"secret": 1}', headers)
    assert "secret" not in repr(ask)


def test_everybody_generates() -> None:
    assert kinds(provision(), Operation.GENERATE) == ["claude", "openai-compatibility"]


def test_those_count_who_can() -> None:
    assert kinds(provision(), Operation.COUNT_TOKENS) == ["claude"]


def test_where_nobody_can_all_are_given() -> None:
    """The answer is an estimate then."""
    assert kinds(provision(claude=False), Operation.COUNT_TOKENS) == ["openai-compatibility"]


def test_who_compacts_must_speak_the_clients_format() -> None:
    given = provision()
    assert not any(
        given.can_be_asked(one, Operation.COMPACT, FORMATS["openai-responses"])
        for one in given.candidates(MODEL, Operation.GENERATE, ANTHROPIC)
    )


def test_the_same_list_is_given_each_time_and_few_are_kept() -> None:
    given = provision()
    lists: list[object] = [given.candidates(MODEL, Operation.COUNT_TOKENS, ANTHROPIC) for _ in range(2)]
    assert lists[0] is lists[1]
    for number in range(MAX_FILTERED + 10):
        candidates = given.candidates(f"claude-{number}", Operation.COUNT_TOKENS, ANTHROPIC)
        assert isinstance(candidates[0], Candidate)
    assert len(given._able) == MAX_FILTERED
