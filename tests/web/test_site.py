"""The resource as a whole: paths, methods, CORS, and errors in the caller's words."""

from __future__ import annotations

from collections.abc import Iterable
from io import StringIO

import orjson
import pytest
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.logger import LogEvent
from twisted.python.failure import Failure
from twisted.web.server import Site

from cliproxy.amp.module import AmpModule
from cliproxy.config.schema import Access
from cliproxy.errors import Overloaded, RateLimited
from cliproxy.modules import HasRoutes
from cliproxy.web.gate import Gate
from cliproxy.web.site import Doors
from tests.support.http import HERE, KEY, LOCAL, Client, FakeHouse, Wire, unavailable, with_keys
from tests.web.conftest import Connect

MESSAGE = b'{"model": "claude-opus-4-5", "max_tokens": 1, "messages": []}'
APP = "https://app.example"
ALLOWED = Access(allowed_origins=(APP,))


# -- paths and methods


@pytest.mark.parametrize(
    "path", ["/nothing", "/v1", "/v1/", "/v1/message", "/v1/messages/", "/v1/models/", "/healthz/x"]
)
def test_an_unknown_path_is_not_found(client: Client, path: str) -> None:
    answer = client.ask("GET", path)
    assert answer.status == 404
    assert "GET /" in answer.error["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1//messages"),
        ("GET", "//v1//models"),
        ("GET", "/v1/./models"),
        ("GET", "/v1/../v1/models"),
        ("GET", "/v1%2Fmodels/x%2f..%2F.."),
    ],
)
def test_another_spelling_of_a_path_is_not_found_and_no_redirect(client: Client, method: str, path: str) -> None:
    answer = client.ask(method, path, body=MESSAGE)
    assert answer.status == 404
    assert not answer.all("location")
    assert answer.error["message"]


def test_a_base_url_with_a_last_slash_does_no_harm(client: Client) -> None:
    assert client.post(MESSAGE, target="//v1/messages").status == 200


@pytest.mark.parametrize(
    ("path", "methods", "allowed"),
    [
        ("/v1/messages", ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"), "POST"),
        ("/v1/messages/count_tokens", ("GET",), "POST"),
        ("/v1/models", ("POST", "DELETE"), "GET, HEAD"),
        ("/v1/models/claude-opus-4-5", ("DELETE",), "GET, HEAD"),
        ("/", ("POST",), "GET, HEAD"),
        ("/healthz", ("POST",), "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(
    client: Client, path: str, methods: tuple[str, ...], allowed: str
) -> None:
    for method in methods:
        answer = client.ask(method, path)
        assert (answer.status, answer["allow"]) == (405, allowed)
        if method != "HEAD":
            assert answer.error["message"]


def test_an_encoded_slash_names_a_model_with_a_slash(client: Client) -> None:
    assert orjson.loads(client.ask("GET", "/v1/models/team%2Fclaude-opus-4-5").body)["id"] == "team/claude-opus-4-5"


@pytest.mark.parametrize("path", ["/\xa0", "/%ff", "/v1/models/%c3%28", "/%C0%AF", "/%ED%A0%80"])
def test_a_path_that_is_not_utf_8_is_a_bad_request(client: Client, path: str) -> None:
    """Klein logs a traceback for one that is so behind its percent signs, and never answers."""
    answer = client.ask("GET", path)
    assert answer.status == 400
    assert "UTF-8" in answer.error["message"]


@pytest.mark.parametrize(
    "path", ["/%", "/%zz", "/%00", "/v1/models/%00", "/%0d%0aX-Evil:%201", "/v1/models/%F0%9F%92%A9", "/<script>"]
)
def test_odd_paths_are_not_found(client: Client, path: str) -> None:
    answer = client.ask("GET", path)
    assert answer.status == 404
    assert answer.error["message"]
    assert not answer.all("x-evil")


def test_a_long_path_is_not_found_and_not_repeated_at_length(client: Client) -> None:
    answer = client.ask("GET", "/" + "a" * 30_000)
    assert answer.status == 404
    assert len(answer.body) < 1000
    assert answer.error["message"]


@pytest.mark.parametrize("target", ["*", "http://127.0.0.1:8317/v1/models", "Xv1/models", "127.0.0.1:8317"])
@pytest.mark.parametrize("method", ["GET", "OPTIONS", "CONNECT"])
def test_a_target_that_is_no_path_finds_nothing(client: Client, method: str, target: str) -> None:
    """Not even a path whose first letter somebody else would have to read as its slash."""
    answer = client.ask(method, target)
    assert answer.status == 404
    assert answer.error["message"]


# -- the words of errors


def test_errors_at_anthropic_paths_are_in_its_format(client: Client) -> None:
    answer = client.ask("GET", "/v1/messages")
    assert answer.error["type"] == "invalid_request_error"
    assert orjson.loads(answer.body)["request_id"] == answer["x-request-id"]


def test_errors_elsewhere_are_in_openais_format(client: Client) -> None:
    assert "code" in client.ask("GET", "/nothing").error


@pytest.mark.parametrize("line", ["anthropic-version: 2023-06-01", "User-Agent: claude-cli/2.0.1 (external, cli)"])
def test_an_anthropic_client_gets_its_format_everywhere(client: Client, line: str) -> None:
    assert client.ask("GET", "/nothing", line).error["type"] == "not_found_error"


def test_trouble_of_an_exchange_is_told_with_its_retry_after(connect: Connect) -> None:
    answer = connect(unavailable(RateLimited("Wait.", retry_after=2.1))).post(MESSAGE)
    assert (answer.status, answer["retry-after"]) == (429, "3")
    assert answer.error == {"type": "rate_limit_error", "message": "Wait."}


def test_an_overloaded_upstream_is_told_so(connect: Connect) -> None:
    answer = connect(unavailable(Overloaded("Too much."))).post(MESSAGE)
    assert (answer.status, answer.error["type"]) == (529, "overloaded_error")


def test_an_unexpected_error_is_logged_under_the_id_that_the_client_gets(
    connect: Connect, failures: list[LogEvent]
) -> None:
    client = connect()
    client.house.trouble = RuntimeError("secret detail")
    answer = client.post(MESSAGE)
    assert answer.status == 500
    assert answer["x-request-id"] in answer.error["message"]
    assert b"secret detail" not in answer.body
    assert [event["request_id"] for event in failures] == [answer["x-request-id"]]
    failures.clear()


# -- request ids


def test_every_answer_has_a_request_id_of_its_own(client: Client) -> None:
    client.send("GET", "/").send("GET", "/nothing").send("POST", "/v1/messages", body=MESSAGE).send("OPTIONS", "*")
    client.send("HEAD", "/").send("GET", "/", host="evil.example").send("GET", "/%ff").feed(b"\x00\r\n\r\n")
    ids = [answer["x-request-id"] for answer in client.answers()]
    assert len(ids) == len(set(ids)) == 8


@pytest.mark.parametrize("target", ["/", "/nothing", "/v1/messages"])
def test_a_clients_own_request_id_is_not_echoed(client: Client, target: str) -> None:
    answer = client.ask("GET", target, "X-Request-Id: mine")
    assert "mine" not in answer["x-request-id"]


def test_the_exchange_has_the_same_request_id(client: Client) -> None:
    answer = client.post(MESSAGE)
    assert client.house.asked[0].request_id == answer["x-request-id"]


# -- CORS


@pytest.mark.parametrize("target", ["/", "/nothing", "/v1/models", "/v1/messages"])
def test_without_a_named_origin_no_cors_header_is_sent(connect: Connect, target: str) -> None:
    client = connect(access=ALLOWED)
    for lines in ([], ["Origin: https://other.example"], ["Origin: http://127.0.0.1:8317"]):
        assert not [name for name, _ in client.ask("GET", target, *lines).headers if name.startswith("access-control")]


def test_a_named_origin_may_read_answers(connect: Connect) -> None:
    answer = connect(access=ALLOWED).ask("GET", "/v1/models", f"Origin: {APP}", "Sec-Fetch-Site: cross-site")
    assert (answer.status, answer["access-control-allow-origin"]) == (200, APP)
    assert "x-request-id" in answer["access-control-expose-headers"]


def test_what_depends_on_the_origin_and_the_format_varies_by_both(connect: Connect) -> None:
    """The list of models used to say only that it depends on the format."""
    varies = ", ".join(connect(access=ALLOWED).ask("GET", "/v1/models", f"Origin: {APP}").all("vary"))
    assert {"origin", "anthropic-version", "user-agent", "x-goog-api-key", "x-goog-api-client"} == set(
        varies.split(", ")
    )


def test_a_named_origin_may_read_errors(connect: Connect) -> None:
    client = connect(access=with_keys(allowed_origins=(APP,)))
    answer = client.ask("POST", "/v1/messages", f"Origin: {APP}", body=MESSAGE)
    assert (answer.status, answer["access-control-allow-origin"]) == (401, APP)


def test_a_named_origins_preflight_is_answered_without_a_key(connect: Connect) -> None:
    answer = connect(access=with_keys(allowed_origins=(APP,))).ask(
        "OPTIONS",
        "/v1/messages",
        f"Origin: {APP}",
        "Access-Control-Request-Method: POST",
        "Access-Control-Request-Headers: x-api-key, anthropic-version",
    )
    assert (answer.status, answer.body) == (204, b"")
    assert answer["access-control-allow-origin"] == APP
    assert answer["access-control-allow-headers"] == "x-api-key, anthropic-version"
    assert answer["access-control-allow-methods"] == "GET, POST"
    assert not answer.all("access-control-allow-credentials")


@pytest.mark.parametrize(
    "origin", ["https://other.example", "null", "http://app.example", f"{APP}:444", f"{APP}.evil.example"]
)
def test_any_other_origins_preflight_is_refused(connect: Connect, origin: str) -> None:
    answer = connect(access=ALLOWED).ask(
        "OPTIONS", "/v1/messages", f"Origin: {origin}", "Access-Control-Request-Method: POST"
    )
    assert answer.status == 403
    assert not answer.all("access-control-allow-origin")


# -- keys


def test_keys_are_asked_for_where_models_are(connect: Connect) -> None:
    client = connect(access=with_keys())
    for method, target in [
        ("POST", "/v1/messages"),
        ("POST", "/v1/messages/count_tokens"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/claude-opus-4-5"),
    ]:
        assert client.ask(method, target, body=MESSAGE).status == 401
        assert client.ask(method, target, f"x-api-key: {KEY}", body=MESSAGE).status == 200


def test_nothing_of_an_unkeyed_request_is_served(connect: Connect) -> None:
    client = connect(access=with_keys())
    client.post(b"not even JSON")
    assert client.house.asked == []


@pytest.mark.parametrize("target", ["/", "/healthz", "/readyz"])
def test_the_health_of_the_daemon_needs_no_key(connect: Connect, target: str) -> None:
    assert connect(access=with_keys()).ask("GET", target).status == 200


def test_another_gate_counts_from_the_next_request_on(connect: Connect) -> None:
    client, other = connect(), connect(access=with_keys())
    assert client.ask("GET", "/v1/models").status == 200
    client.doors.gate = other.doors.gate
    assert client.ask("GET", "/v1/models").status == 401


@pytest.mark.parametrize("access", [Access(), with_keys()])
def test_a_key_in_the_query_goes_no_further(connect: Connect, access: Access) -> None:
    """Twisted takes `;` for a separator, too: a key behind one used to admit, and went upstream."""
    client = connect(access=access)
    for query in (
        f"beta=true&key={KEY}",
        f"auth_token={KEY}&beta=true",
        f"beta=true;%6bey={KEY}",
        f"key={KEY};beta=true",
    ):
        assert client.post(MESSAGE, target=f"/v1/messages?{query}").status == 200
        assert client.house.asked[-1].query == b"beta=true"


def logged(request: bytes, modules: Iterable[HasRoutes] = ()) -> str:
    """What a server that mounts this writes to its access log about a request."""
    log = StringIO()
    site = Site(Doors(FakeHouse(), Gate(with_keys()), modules), reactor=Clock())
    site.logFile = log
    channel = site.buildProtocol(LOCAL)
    channel.makeConnection(Wire(hostAddress=HERE, peerAddress=LOCAL))
    channel.dataReceived(request + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    channel.connectionLost(Failure(ConnectionDone()))
    return log.getvalue()


def test_a_key_is_not_in_the_access_log_of_a_server_that_mounts_this() -> None:
    line = logged(b"GET /v1/models?beta=true&key=%b" % KEY.encode())
    assert "GET /v1/models?beta=true HTTP/1.1" in line
    assert KEY not in line


@pytest.mark.parametrize("method", [b"GET", b"OPTIONS"])
def test_a_key_of_ours_is_not_in_it_where_requests_are_passed_on_either(method: bytes) -> None:
    line = logged(b"%b /api/user?key=another&x=%b" % (method, KEY.encode()), [AmpModule()])
    assert f"{method.decode()} /api/user?key=another HTTP/1.1" in line


# -- clients that leave


def test_a_handler_is_cancelled_when_its_client_leaves(connect: Connect) -> None:
    client = connect()
    client.house.waits = True
    client.send("POST", "/v1/messages", body=MESSAGE).leave()
    assert client.house.cancelled == 1
    assert client.transport.value() == b""


# -- what Klein asks of a request


@pytest.mark.parametrize("here", [IPv4Address("TCP", "127.0.0.1", 80), UNIXAddress("/run/cliproxy.sock")])
def test_http_1_0_needs_no_host(connect: Connect, here: IPv4Address | UNIXAddress) -> None:
    """Klein asks a Unix socket for its host name, which it has not."""
    assert connect(peer=here, here=here).ask("GET", "/healthz", host=None, version="1.0").status == 200


@pytest.mark.parametrize("host", ["a" * 64 + ".localhost", "a..localhost", ".localhost", "localhost.."])
def test_a_host_with_labels_that_dns_has_not_is_a_bad_request(client: Client, host: str) -> None:
    """It used to be let in, and the router then raised where nothing catches it."""
    answer = client.ask("GET", "/", host=host)
    assert answer.status == 400
    assert "Host" in answer.error["message"]
