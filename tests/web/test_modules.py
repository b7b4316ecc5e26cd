"""Modules' routes among our own, and what a module can have the daemon do."""

from __future__ import annotations

from collections.abc import Callable

import orjson
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.logger import LogEvent
from twisted.web.server import Request

from cliproxy.config.schema import Access
from cliproxy.errors import UnknownModel
from cliproxy.modules import App, Context, Handler, ListShape, Pages
from cliproxy.secret import Secret
from cliproxy.web.uploads import SMALL_BODY_BYTES
from tests.support.http import KEY, LOCAL, REMOTE, Client, FakeHouse, with_keys
from tests.support.route_modules import Broken, Hello, Leaving

APP = "https://app.example"


class Module:
    """Routes that a test gives."""

    name = "a test's"

    def __init__(self, register: Callable[[App, Context], None]) -> None:
        self._register = register

    def register(self, app: App, context: Context) -> None:
        """As the test says."""
        self._register(app, context)


def serving(handler: Handler, access: Access | None = None, pages: Pages = Pages.AS_CONFIGURED) -> Client:
    """A client of a daemon with a module at `/x` and below, for whomever the handler likes."""

    def register(app: App, context: Context) -> None:
        for path in ("/x", "/x/<anything:rest>"):
            app.route(path, None, public=True, pages=pages)(handler)

    return Client(access=access, modules=[Module(register)])


def context_of(client: Client) -> Context:
    """What a module of such a daemon was given."""
    hello = Hello()
    Client(client.house, modules=[hello])
    assert hello.context is not None
    return hello.context


def told(
    look: Callable[[Context, Request], str | bool],
    *lines: str,
    target: str = "/x",
    access: Access | None = None,
    peer: IAddress = LOCAL,
) -> str:
    """What a handler finds out of a request."""
    seen: list[object] = []

    def register(app: App, context: Context) -> None:
        @app.route("/x", None, public=True)
        def handle(request: Request) -> bytes:
            seen.append(look(context, request))
            return b""

    client = Client(modules=[Module(register)], access=access, peer=peer)
    client.ask("GET", target, *lines)
    return str(seen[0])


# -- routes


def test_a_module_serves_its_path() -> None:
    assert Client(modules=[Hello()]).ask("GET", "/hello/you").body == b"Nothing, you!"


def test_a_modules_path_asks_for_a_key() -> None:
    client = Client(access=with_keys(), modules=[Hello()])
    assert client.ask("GET", "/hello/you").status == 401
    assert client.ask("GET", "/hello/you", f"Authorization: Bearer {KEY}").status == 200


def test_a_public_path_asks_for_none() -> None:
    assert Client(access=with_keys(), modules=[Hello()]).ask("POST", "/hello", body=b"Hi").status == 200


def test_a_module_that_fails_to_register_leaves_none_of_its_routes(failures: list[LogEvent]) -> None:
    client = Client(modules=[Broken(), Hello()])
    (logged,) = failures
    failures.clear()
    assert logged["module"] == "broken"
    assert [module.name for module in client.doors.registered] == ["hello"]
    assert client.ask("GET", "/hello/you").status == 200


def test_a_module_that_exits_does_not_end_the_daemon(failures: list[LogEvent]) -> None:
    client = Client(modules=[Leaving(), Hello()])
    (logged,) = failures
    failures.clear()
    assert logged["module"] == "leaving"
    assert client.ask("GET", "/hello/you").status == 200


@pytest.mark.parametrize("error", [RuntimeError("too late"), UnknownModel("x", ())])
def test_an_error_behind_the_beginning_of_an_answer_does_not_end_it_in_order(
    error: Exception, failures: list[LogEvent]
) -> None:
    """Its words stood behind those of the answer, which looked whole."""

    def begin(request: Request) -> bytes:
        request.write(b"the beginning")
        raise error

    client = serving(begin)
    client.send("GET", "/x")
    failures.clear()
    assert client.transport.aborted
    assert client.transport.value().endswith(b"the beginning\r\n")


@pytest.mark.parametrize(("path", "method"), [("/v1/messages", "POST"), ("/healthz", "GET")])
def test_a_module_takes_no_route_of_ours(path: str, method: str, failures: list[LogEvent]) -> None:
    def register(app: App, context: Context) -> None:
        app.route("/mine")(lambda request: b"mine")
        app.route(path, (method,))(lambda request: b"mine")

    client = Client(modules=[Module(register)])
    assert len(failures) == 1
    failures.clear()
    assert client.ask("GET", "/mine").status == 404


def test_a_pattern_that_is_none_is_logged(failures: list[LogEvent]) -> None:
    def register(app: App, context: Context) -> None:
        app.route("/<nonsense:x>")(lambda request: b"")

    Client(modules=[Module(register)])
    assert len(failures) == 1
    failures.clear()


@pytest.mark.parametrize("target", ["/x", "/x/", "/x/a", "/x/a/", "/x//a", "/x/a%2Fb", "/x/a//b"])
def test_anything_below_a_path_is_the_modules(target: str) -> None:
    assert serving(lambda request, rest="": b"mine").ask("GET", target).status == 200


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PROPFIND"])
def test_any_method_is_taken_where_none_is_named(method: str) -> None:
    assert serving(lambda request: b"mine").ask(method, "/x").body == b"mine"


def test_what_a_module_has_under_way_is_attended() -> None:
    served: Deferred[None] = Deferred()
    client = serving(lambda request: served)
    client.send("GET", "/x")
    assert client.house.attended == [served]


# -- pages


@pytest.mark.parametrize("pages", [Pages.NONE, Pages.NAVIGATION])
def test_a_preflight_is_refused_where_no_page_has_any_business(pages: Pages) -> None:
    client = serving(lambda request: b"mine", Access(allowed_origins=(APP,)), pages)
    answer = client.ask("OPTIONS", "/x", f"Origin: {APP}", "Access-Control-Request-Method: GET")
    assert (answer.status, answer.body) == (403, b"")
    assert not any(name.startswith("access-control-") for name, _ in answer.headers)


def test_a_preflight_is_answered_where_an_allowed_page_has() -> None:
    client = serving(lambda request: b"mine", Access(allowed_origins=(APP,)))
    answer = client.ask("OPTIONS", "/x", f"Origin: {APP}", "Access-Control-Request-Method: GET")
    assert (answer.status, answer["access-control-allow-origin"]) == (204, APP)


@pytest.mark.parametrize("pages", [Pages.NONE, Pages.NAVIGATION])
def test_an_allowed_page_is_refused_there_too(pages: Pages) -> None:
    client = serving(lambda request: b"mine", Access(allowed_origins=(APP,)), pages)
    assert client.ask("GET", "/x", f"Origin: {APP}").status == 403


@pytest.mark.parametrize("pages", list(Pages))
def test_a_page_of_our_own_origin_is_served(pages: Pages) -> None:
    client = serving(lambda request: b"mine", pages=pages)
    assert client.ask("GET", "/x", "Origin: http://127.0.0.1:8317", "Sec-Fetch-Site: same-origin").status == 200


@pytest.mark.parametrize(("pages", "status"), [(Pages.AS_CONFIGURED, 403), (Pages.NONE, 403), (Pages.NAVIGATION, 200)])
def test_a_link_of_another_site_leads_only_where_pages_are_shown(pages: Pages, status: int) -> None:
    client = serving(lambda request: b"mine", pages=pages)
    lines = ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")
    assert client.ask("GET", "/x", *lines).status == status


@pytest.mark.parametrize(
    ("method", "lines"),
    [
        ("POST", ("Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")),
        ("GET", ("Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe")),
        ("GET", ("Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image")),
        ("GET", ("Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", f"Origin: {APP}")),
    ],
)
def test_nothing_else_of_another_site_is_a_link(method: str, lines: tuple[str, ...]) -> None:
    client = serving(lambda request: b"mine", pages=Pages.NAVIGATION)
    assert client.ask(method, "/x", "Sec-Fetch-Site: cross-site", *lines, body=b"").status == 403


# -- what a module can have done


@pytest.mark.parametrize(
    ("shape", "start"), [("anthropic", b'{"data":'), ("gemini", b'{"models":'), ("openai", b'{"object":"list"')]
)
def test_models_are_listed_in_each_shape(shape: ListShape, start: bytes) -> None:
    assert context_of(Client()).model_list(shape).startswith(start)


def test_one_model_is_told() -> None:
    assert orjson.loads(context_of(Client()).one_model("openai", "claude-opus-4-5"))["id"] == "claude-opus-4-5"


def test_an_unknown_model_is_told_the_nearest() -> None:
    with pytest.raises(UnknownModel, match="claude-opus-4-5"):
        context_of(Client()).one_model("openai", "claude-opus")


def test_a_request_is_read_as_our_own_path_does() -> None:
    body = b'{"model": "claude-opus-4-5", "max_tokens": 1, "messages": []}'

    def register(app: App, context: Context) -> None:
        @app.route("/x", ("POST",))
        def serve(request: Request) -> Deferred[None]:
            return context.serve(context.read("/v1/messages", request), request)

    house = FakeHouse()
    Client(house, modules=[Module(register)]).ask("POST", "/x", body=body)
    assert [(ask.wire.name, ask.model, ask.body) for ask in house.asked] == [("anthropic", "claude-opus-4-5", body)]


def test_a_key_that_the_caller_shows_is_told() -> None:
    lines = (f"x-api-key: {KEY}",)
    assert told(lambda context, request: context.key_of(request) == Secret(KEY), *lines, access=with_keys()) == "True"


def test_a_strangers_key_is_none_of_ours() -> None:
    lines = ("x-api-key: another",)
    assert told(lambda context, request: context.key_of(request) is None, *lines, access=with_keys()) == "True"


@pytest.mark.parametrize("text", [KEY, f"Bearer {KEY}", f"a=1; k={KEY}", KEY.replace("-", "%2D"), f"%20{KEY}"])
def test_a_key_is_found_in_a_value(text: str) -> None:
    assert told(lambda context, request: context.holds_key(text.encode()), access=with_keys()) == "True"


@pytest.mark.parametrize("text", ["", KEY[:-1], KEY.upper(), "Bearer x"])
def test_what_is_no_key_is_none(text: str) -> None:
    assert told(lambda context, request: context.holds_key(text.encode()), access=with_keys()) == "False"


def test_a_short_key_counts_only_as_the_whole_of_a_value() -> None:
    def look(context: Context, request: Request) -> str:
        return f"{context.holds_key(b'ab')} {context.holds_key(b'cab')}"

    assert told(look, access=with_keys("ab")) == "True False"


def test_a_remote_peer_does_not_become_local_by_what_it_says() -> None:
    lines = ("X-Forwarded-For: 127.0.0.1", "X-Real-IP: 127.0.0.1")
    assert told(lambda context, request: context.is_local(request), *lines, peer=REMOTE) == "False"


def test_a_local_peer_does_not_become_remote_by_what_it_says() -> None:
    lines = ("X-Forwarded-For: 8.8.8.8",)
    assert told(lambda context, request: context.is_local(request), *lines) == "True"


@pytest.mark.parametrize(("client", "local"), [("8.8.8.8", "False"), ("127.0.0.1", "True")])
def test_a_trusted_proxy_is_believed(client: str, local: str) -> None:
    access = Access(trusted_proxies=("127.0.0.1",))
    line = f"X-Forwarded-For: {client}"
    assert told(lambda context, request: context.is_local(request), line, access=access) == local


def test_whom_a_request_is_forwarded_for_is_its_peer() -> None:
    line = "X-Forwarded-For: 8.8.8.8"
    assert told(lambda context, request: context.forwarded_for(request).decode(), line) == "127.0.0.1"


def test_a_trusted_proxys_chain_is_gone_on_with() -> None:
    access = Access(trusted_proxies=("127.0.0.1",))
    line = "X-Forwarded-For: 8.8.8.8"
    told_as = told(lambda context, request: context.forwarded_for(request).decode(), line, access=access)
    assert told_as == "8.8.8.8, 127.0.0.1"


@pytest.mark.parametrize(("method", "target"), [("POST", "/up"), ("PUT", "/up/stairs")])
def test_a_route_that_streams_takes_no_other_routes_body_early(method: str, target: str) -> None:
    """Its path, or what stands before the first variable in it, used to decide for all."""
    taken: list[bytes] = []

    def register(app: App, context: Context) -> None:
        @app.route("/up", ("POST",))
        @app.route("/up/stairs", ("PUT",))
        def whole(request: Request) -> bytes:
            taken.append(context.raw_body(request))
            return b""

        @app.route("/up", ("PUT",), streams=True)
        @app.route("/up/<anything:rest>", ("POST",), streams=True)
        def early(request: Request, **_: str) -> bytes:
            raise AssertionError("another route's")

    body = bytes(SMALL_BODY_BYTES + 1)
    client = Client(FakeHouse(body_limit=2 * len(body)), modules=[Module(register)])
    client.ask(method, target, body=body)
    assert taken == [body]


def test_a_body_may_be_had_as_it_came() -> None:
    assert (
        Client(modules=[Hello()]).ask("POST", "/hello", "Content-Encoding: gzip", body=b"\x1f\x8b").body == b"\x1f\x8b"
    )
