"""One credential, asked once: what leaves for an upstream of the client's format and of another, and what is shown."""

from __future__ import annotations

import attrs
import pytest
from hyperlink import EncodedURL
from twisted.internet.interfaces import IProtocol
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse
from zope.interface import implementer

from cliproxy.ask import Ask
from cliproxy.attempt import LOSSES_HEADER, MAX_HEADER_CHARACTERS, Attempt, first, reply_head
from cliproxy.conversation.losses import Loss
from cliproxy.conversation.request import Request
from cliproxy.formats import FORMATS
from cliproxy.formats.codec import Dialect
from cliproxy.formats.wire import Operation
from cliproxy.routing.catalogue import Candidate, CredentialId, ModelName
from cliproxy.routing.pool import Grant, Wanted
from cliproxy.secret import Secret
from cliproxy.translate.translation import Asked, Prepared, Translation, Upstream
from cliproxy.upstream.accounts import Account
from cliproxy.upstream.headers import HeaderLines, Line
from cliproxy.upstream.transport import Answer, Outgoing
from tests.support.translating import rules

ACCOUNT = Account(
    "gemini:1", "gemini", EncodedURL.from_text("https://google.example"), Secret("key-of-upstream"), False
)
ASK = Ask(
    request_id="req_1",
    wire=FORMATS["anthropic"],
    operation=Operation.GENERATE,
    model="opus",
    stream=False,
    body=b"{}",
    headers=[(b"anthropic-beta", b"x"), (b"user-agent", b"claude-cli/2")],
    query=b"beta=true",
)
TRANSLATED = Prepared(b"{}", (), Request("anthropic", "opus", ()))
PASSED = Prepared(b"{}", ())


@implementer(IResponse)
@attrs.frozen
class Response:
    """Of which the head alone is looked at."""

    code: int
    headers: Headers
    length: object
    version: tuple[bytes, int, int] = (b"HTTP", 1, 1)
    phrase: bytes = b""
    request: object = None
    previousResponse: IResponse | None = None

    def deliverBody(self, protocol: IProtocol) -> None:
        """Nobody asks."""

    def setPreviousResponse(self, response: IResponse) -> None:
        """Nobody redirects."""


def attempt(prepared: Prepared = TRANSLATED, ask: Ask = ASK) -> Attempt:
    candidate = Candidate(CredentialId("gemini:1"), ModelName("gemini-3-pro"))
    upstream = Upstream(FORMATS["gemini"], "gemini@google.example", "gemini-3-pro", Dialect())
    grant = Grant(candidate, 0.0, Wanted("opus", (candidate,)))
    asked = Asked(ask.request_id, ask.wire, ask.operation, ask.model, ask.stream, ask.body, None, 0)
    return Attempt(ask, grant, ACCOUNT, upstream, Translation(asked, rules()), prepared)


def lines(outgoing: Outgoing) -> tuple[Line, ...]:
    assert isinstance(outgoing.headers, HeaderLines)
    return outgoing.headers.lines


def answer(status: int = 200, length: int | None = 2, **headers: str) -> Answer:
    lines = {name.replace("_", "-"): [value] for name, value in headers.items()}
    return Answer(status, Headers(lines), Response(status, Headers(lines), length))


def shown(attempt: Attempt, answer: Answer) -> dict[bytes, bytes]:
    """The header lines that the client is shown of it."""
    return dict(attempt.head_of_reply(answer, reply_head(answer), plain=True, whole=True))


def test_another_vendor_gets_no_header_of_the_clients() -> None:
    sent = dict(lines(attempt().outgoing(b"cliproxy/1")))
    assert b"anthropic-beta" not in sent
    assert sent[b"user-agent"] == b"cliproxy/1"


def test_another_vendor_gets_no_query_of_the_clients() -> None:
    assert attempt().outgoing(b"").url.to_text().endswith("gemini-3-pro:generateContent")


def test_the_same_vendor_gets_the_clients_own() -> None:
    outgoing = attempt(PASSED).outgoing(b"cliproxy/1")
    assert dict(lines(outgoing))[b"user-agent"] == b"claude-cli/2"
    assert outgoing.url.to_text().endswith("gemini-3-pro:generateContent?beta=true")


@pytest.mark.parametrize(("query", "sent"), [(b"", "?alt=json"), (b"a=b", "?a=b&alt=json"), (b"alt=json", "?alt=json")])
def test_a_client_that_wants_an_array_gets_one(query: bytes, sent: str) -> None:
    asked = attrs.evolve(ASK, array=True, query=query)
    assert attempt(PASSED, asked).outgoing(b"").url.to_text().endswith("gemini-3-pro:streamGenerateContent" + sent)


def test_a_translated_stream_is_one_whatever_the_upstream_sent() -> None:
    asked = attrs.evolve(ASK, stream=True)
    head = shown(attempt(ask=asked), answer(content_type="application/json"))
    assert head[b"content-type"] == b"text/event-stream; charset=utf-8"


def test_a_translated_body_has_not_the_length_it_had() -> None:
    assert b"content-length" not in shown(attempt(), answer())


def test_a_body_that_passes_has_the_length_it_had() -> None:
    assert shown(attempt(PASSED), answer())[b"content-length"] == b"2"


def test_a_body_whose_model_is_renamed_has_not_the_length_it_had() -> None:
    renamed = attrs.evolve(PASSED, renames="opus")
    assert b"content-length" not in shown(attempt(renamed), answer())


def test_losses_are_shown_to_who_asks() -> None:
    lossy = attrs.evolve(TRANSLATED, losses=(Loss("stop", "", emulated=True), Loss("metadata", "")))
    shown = dict(attempt(lossy, attrs.evolve(ASK, shows_losses=True)).head_of_telling([]))
    assert shown[LOSSES_HEADER] == b"stop (emulated); metadata"


def test_losses_are_shown_to_nobody_else() -> None:
    assert LOSSES_HEADER not in dict(attempt(attrs.evolve(TRANSLATED, losses=(Loss("a", ""),))).head_of_telling([]))


def test_a_history_of_losses_makes_no_endless_header() -> None:
    lossy = attrs.evolve(TRANSLATED, losses=tuple(Loss(f"messages.{n}.☕", "") for n in range(1000)))
    shown = dict(attempt(lossy, attrs.evolve(ASK, shows_losses=True)).head_of_telling([]))[LOSSES_HEADER]
    assert len(shown) == MAX_HEADER_CHARACTERS
    assert shown.isascii()


def test_an_error_of_another_vendor_is_told_in_the_clients_words() -> None:
    body = b'{"error": {"code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED"}}'
    refusal = attempt().refusal(answer(429, retry_after="7"), body)
    assert b'"type":"rate_limit_error","message":"Quota exceeded"' in refusal.body
    assert (refusal.status, dict(refusal.headers)[b"retry-after"]) == (429, b"7")


def test_an_error_of_the_same_vendor_passes_as_it_is() -> None:
    assert attempt(PASSED).refusal(answer(429), b'{"error":  1}').body == b'{"error":  1}'


def test_a_status_that_the_clients_vendor_does_not_know_is_told_by_its_own() -> None:
    asked = attrs.evolve(ASK, wire=FORMATS["openai-chat"])
    assert attempt(ask=asked).refusal(answer(529), b"{}").status == 503


def test_only_a_success_becomes_a_stream() -> None:
    assert attempt().becomes_stream(reply_head(answer(200)))
    assert not attempt().becomes_stream(reply_head(answer(400)))
    assert not attempt(PASSED).becomes_stream(reply_head(answer(200)))


def test_the_first_header_of_a_name_counts() -> None:
    assert first(answer(retry_after="7"), b"Retry-After") == b"7"
    assert first(answer(), b"Retry-After") is None


def test_an_answer_is_read_by_its_type_and_coding() -> None:
    head = reply_head(answer(content_type="text/event-stream", content_encoding="br"))
    assert (head.status, head.content_type, head.coding) == (200, b"text/event-stream", b"br")
