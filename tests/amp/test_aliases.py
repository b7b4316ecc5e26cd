"""Amp's paths to models: which format stands behind each, and who serves what it asks for."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager

import attrs
import orjson
import pytest
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from zope.interface import provider

from cliproxy.amp.aliases import POSTED
from cliproxy.amp.dressing import Dressed
from cliproxy.ask import Ask
from cliproxy.config.schema import Amp, ModelMapping
from cliproxy.formats.wire import Operation
from tests.support.amps_door import WITH_CONTROL_PLANE, AmpHouse, Door
from tests.support.ends import ClientEnd
from tests.support.http import KEY, Answer, with_keys

MODEL = "claude-opus-4-5"
ANTHROPIC = "/api/provider/anthropic/v1/messages"
CHAT = b'{"model": "%b", "messages": []}'
GEMINI = b'{"contents": []}'
MAPPED = ModelMapping("gemini-3-pro", "gpt-5.5")


def message(model: str = MODEL, rest: str = "") -> bytes:
    return f'{{"model": "{model}", "max_tokens": 1, "messages": []{rest}}}'.encode()


def asked(door: Door) -> Ask:
    (ask,) = door.house.asked
    return ask


def with_mappings(*mappings: ModelMapping, forced: bool = False) -> Amp:
    return attrs.evolve(WITH_CONTROL_PLANE, model_mappings=mappings, force_model_mappings=forced)


@contextmanager
def noted() -> Iterator[list[LogEvent]]:
    """What the aliases log meanwhile."""
    events: list[LogEvent] = []

    @provider(ILogObserver)
    def observe(event: LogEvent) -> None:
        if str(event.get("log_namespace")) == "cliproxy.amp.aliases.Aliases":
            events.append(event)

    globalLogPublisher.addObserver(observe)
    try:
        yield events
    finally:
        globalLogPublisher.removeObserver(observe)


# -- paths


@pytest.mark.parametrize("provider_", ["openai", "anthropic", "google", "groq", "cerebras", "nobody-knows"])
@pytest.mark.parametrize(
    ("path", "wire", "operation"),
    [
        ("/chat/completions", "openai-chat", Operation.GENERATE),
        ("/v1/chat/completions", "openai-chat", Operation.GENERATE),
        ("/responses", "openai-responses", Operation.GENERATE),
        ("/v1/responses", "openai-responses", Operation.GENERATE),
        ("/v1/messages", "anthropic", Operation.GENERATE),
        ("/v1/messages/count_tokens", "anthropic", Operation.COUNT_TOKENS),
    ],
)
def test_the_path_says_the_format_and_the_body_who_serves(
    provider_: str, path: str, wire: str, operation: Operation
) -> None:
    door = Door()
    body = message() if "messages" in path else CHAT % MODEL.encode()
    assert door.ask("POST", f"/api/provider/{provider_}{path}", body=body).status == 200
    assert (asked(door).wire.name, asked(door).operation, asked(door).model) == (wire, operation, MODEL)


@pytest.mark.parametrize("path", ["/completions", "/v1/completions"])
def test_the_older_completions_are_served(path: str) -> None:
    door = Door()
    door.ask("POST", f"/api/provider/openai{path}", body=b'{"model": "gpt-5.5", "prompt": "Hi"}')
    assert asked(door).wire.name == "openai-completions"


@pytest.mark.parametrize(
    "path",
    [
        "/v1beta/models/gpt-5.5:streamGenerateContent?alt=sse",
        "/v1beta1/publishers/google/models/gpt-5.5:streamGenerateContent?alt=sse",
        "/v1beta1/projects/p/locations/l/publishers/google/models/gpt-5.5:streamGenerateContent?alt=sse",
    ],
)
def test_a_model_in_the_path_is_found(path: str) -> None:
    """In the original its name kept a leading slash, and nobody served that."""
    door = Door()
    assert door.ask("POST", f"/api/provider/google{path}", body=GEMINI).status == 200
    assert (asked(door).wire.name, asked(door).model, asked(door).stream) == ("gemini", "gpt-5.5", True)


@pytest.mark.parametrize(
    "path", ["/v1beta/models/a/b:c:generateContent", "/v1beta1/publishers/x/models/a/b:c:generateContent"]
)
def test_a_model_in_the_path_may_hold_slashes_and_colons(path: str) -> None:
    door = Door(house=AmpHouse(["a/b:c"]))
    door.ask("POST", f"/api/provider/google{path}", body=GEMINI)
    assert asked(door).model == "a/b:c"


def test_the_bridge_needs_no_control_plane() -> None:
    door = Door(Amp())
    path = "/api/provider/google/v1beta1/publishers/google/models/gpt-5.5:generateContent"
    assert door.ask("POST", path, body=GEMINI).status == 200


@pytest.mark.parametrize("path", ["/models/", "/publishers/google/models/gpt-5.5", "/x/models/a/b"])
def test_a_path_to_a_model_without_an_action_is_a_bad_request(path: str) -> None:
    answer = Door().ask("POST", f"/api/provider/google/v1beta1{path}", body=GEMINI)
    assert (answer.status, orjson.loads(answer.body)) == (400, {"error": "Invalid Gemini API path format"})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1beta1/publishers/google/models/gpt-5.5"),
        ("POST", "/v1beta1/cachedContents"),
        ("POST", "/v1beta1/publishers/google/models/gpt-5.5:predict"),
    ],
)
def test_what_else_is_below_the_bridge_is_amps(method: str, path: str) -> None:
    door = Door()
    assert door.ask(method, f"/api/provider/google{path}", body=GEMINI).status == 200
    assert door.errand.target == f"/api/provider/google{path}".encode()


@pytest.mark.parametrize("path", [*POSTED, "/v1beta/models/m:generateContent", "/v1beta1/x/models/m:generateContent"])
def test_a_path_to_a_model_asks_for_a_key(path: str) -> None:
    door = Door(access=with_keys())
    assert door.ask("POST", f"/api/provider/openai{path}", body=message()).status == 401
    assert door.house.asked == []


@pytest.mark.parametrize("path", ["/models", "/v1/models", "/v1beta/models"])
def test_a_list_asks_for_a_key(path: str) -> None:
    door = Door(access=with_keys())
    assert door.ask("GET", f"/api/provider/openai{path}").status == 401
    assert door.ask("GET", f"/api/provider/openai{path}", f"x-api-key: {KEY}").status == 200


# -- lists


@pytest.mark.parametrize("path", ["/models", "/v1/models"])
@pytest.mark.parametrize(
    ("provider_", "member"),
    [
        ("anthropic", "first_id"),
        ("Anthropic", "first_id"),
        ("google", "models"),
        ("openai", "object"),
        ("groq", "object"),
        ("cerebras", "object"),
    ],
)
def test_the_provider_shapes_the_list(provider_: str, member: str, path: str) -> None:
    listed = orjson.loads(Door().ask("GET", f"/api/provider/{provider_}{path}").body)
    assert member in listed
    assert len(listed.get("data") or listed["models"]) == 2


def test_geminis_own_path_lists_in_geminis_shape() -> None:
    listed = orjson.loads(Door().ask("GET", "/api/provider/anything/v1beta/models").body)
    assert [model["name"] for model in listed["models"]] == ["models/claude-opus-4-5", "models/gpt-5.5"]


@pytest.mark.parametrize(
    ("path", "member"),
    [("anthropic/v1/models", "display_name"), ("openai/models", "object"), ("x/v1beta/models", "displayName")],
)
def test_one_model_is_told(path: str, member: str) -> None:
    assert member in orjson.loads(Door().ask("GET", f"/api/provider/{path}/gpt-5.5").body)


def test_an_unknown_one_is_not_found() -> None:
    assert Door().ask("GET", "/api/provider/openai/v1/models/nothing").status == 404


# -- who serves


def ask_for(model: str, settings: Amp, *models: str) -> tuple[Door, Answer]:
    door = Door(settings, AmpHouse(models))
    return door, door.ask("POST", ANTHROPIC, body=message(model))


def test_a_model_that_is_served_here_is() -> None:
    door, _ = ask_for(MODEL, with_mappings(ModelMapping(MODEL, "gpt-5.5")), MODEL, "gpt-5.5")
    assert (asked(door).model, asked(door).served_as) == (MODEL, "")


def test_a_model_that_nobody_serves_is_mapped() -> None:
    door, _ = ask_for("gemini-3-pro", with_mappings(MAPPED), "gpt-5.5")
    assert (asked(door).model, asked(door).served_as) == ("gemini-3-pro", "gpt-5.5")


def test_a_forced_mapping_comes_first() -> None:
    door, _ = ask_for(MODEL, with_mappings(ModelMapping(MODEL, "gpt-5.5"), forced=True), MODEL, "gpt-5.5")
    assert asked(door).served_as == "gpt-5.5"


def test_a_forced_mapping_that_leads_nowhere_leaves_the_model_here() -> None:
    door, _ = ask_for(MODEL, with_mappings(ModelMapping(MODEL, "nothing"), forced=True), MODEL)
    assert (asked(door).served_as, door.amp_house.errands) == ("", [])


def test_a_suffix_goes_along() -> None:
    door, _ = ask_for("gemini-3-pro(high)", with_mappings(MAPPED), "gpt-5.5")
    assert (asked(door).model, asked(door).served_as) == ("gemini-3-pro(high)", "gpt-5.5(high)")


def test_the_reply_says_the_name_that_was_asked_for() -> None:
    door, _ = ask_for(MODEL, WITH_CONTROL_PLANE, MODEL)
    assert asked(door).renames


def test_a_model_that_nobody_serves_is_amps() -> None:
    body = message("gemini-3-pro", ', "n": 12345678901234567890')
    door = Door()
    answer = door.ask("POST", ANTHROPIC, "anthropic-beta: context-1m-2025-08-07", body=body)
    assert (answer.status, door.errand.target, door.errand.body) == (200, ANTHROPIC.encode(), body)
    assert door.sent("anthropic-beta") == [b"context-1m-2025-08-07"]


def test_a_compressed_body_goes_to_amp_as_it_came() -> None:
    body = gzip.compress(message("gemini-3-pro"))
    door = Door()
    door.ask("POST", ANTHROPIC, "Content-Encoding: gzip", body=body)
    assert (door.errand.body, door.sent("content-encoding")) == (body, [b"gzip"])


def test_a_model_in_the_path_that_nobody_serves_is_amps() -> None:
    door = Door()
    path = "/api/provider/google/v1beta1/publishers/google/models/gemini-3-pro:generateContent"
    door.ask("POST", path, body=GEMINI)
    assert door.errand.target == path.encode()


def test_a_clients_key_does_not_go_to_amp_with_a_model() -> None:
    door = Door(access=with_keys())
    door.ask("POST", f"{ANTHROPIC}?key={KEY}&x={KEY}&b=1", f"x-api-key: {KEY}", body=message("gemini-3-pro"))
    assert door.errand.target == f"{ANTHROPIC}?b=1".encode()
    assert KEY not in str(door.errand.headers)


def test_without_a_control_plane_the_daemon_says_that_nobody_serves_it() -> None:
    door = Door(Amp())
    door.ask("POST", ANTHROPIC, body=message("gemini-3-pro"))
    assert (asked(door).model, asked(door).served_as) == ("gemini-3-pro", "")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"messages": []}', b'{"model": 1}'])
def test_a_request_that_names_no_model_is_the_clients_mistake(body: bytes) -> None:
    door = Door()
    answer = door.ask("POST", ANTHROPIC, body=body)
    assert answer.status == 400
    assert answer.error["type"] == "invalid_request_error"
    assert door.amp_house.errands == []


def test_a_mapping_that_a_reload_brings_holds() -> None:
    door = Door(WITH_CONTROL_PLANE)
    door.amp.reconfigure(with_mappings(MAPPED))
    door.ask("POST", ANTHROPIC, body=message("gemini-3-pro"))
    assert asked(door).served_as == "gpt-5.5"


# -- what is changed of a request that is served here


def test_what_no_upstream_bears_is_left_out() -> None:
    said = '[{"type":"thinking","thinking":"hm"},{"type":"text","text":"Hi","n":12345678901234567890}]'
    door = Door()
    body = f'{{"model": "{MODEL}", "max_tokens": 1, "messages": [{{"role":"assistant","content":{said}}}]}}'
    door.ask("POST", ANTHROPIC, body=body.encode())
    assert orjson.loads(asked(door).body)["messages"][0]["content"][0]["type"] == "text"
    assert b"12345678901234567890" in asked(door).body


def test_a_request_with_nothing_of_the_kind_stays_as_it_is() -> None:
    door = Door()
    door.ask("POST", ANTHROPIC, body=message())
    assert asked(door).body == message()


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("context-1m-2025-08-07", []),
        ("a, context-1m-2025-08-07 ,b", [b"a,b"]),
        ("a,b", [b"a,b"]),
    ],
)
def test_the_long_context_is_not_asked_for_here(line: str, left: list[bytes]) -> None:
    door = Door()
    door.ask("POST", ANTHROPIC, f"Anthropic-Beta: {line}", body=message())
    betas = [value.replace(b" ", b"") for name, value in asked(door).headers if name == b"anthropic-beta"]
    assert betas == left


def test_an_anthropic_reply_is_dressed() -> None:
    door = Door()
    door.ask("POST", ANTHROPIC, body=message())
    (dress,) = door.house.dresses
    assert dress is not None
    assert isinstance(dress(ClientEnd().sink), Dressed)


@pytest.mark.parametrize(
    ("path", "body"),
    [("openai/v1/chat/completions", CHAT % b"gpt-5.5"), ("anthropic/v1/messages/count_tokens", message())],
)
def test_no_other_is(path: str, body: bytes) -> None:
    door = Door()
    door.ask("POST", f"/api/provider/{path}", body=body)
    assert door.house.dresses == [None]


def test_a_conversation_is_known_by_amps_own_name_for_it() -> None:
    door = Door()
    door.ask("POST", ANTHROPIC, "X-Amp-Thread-Id: T-1", body=message())
    session = asked(door).find_session()
    assert session is not None
    assert "amp" in session.source


# -- what is said of it in the log


@pytest.mark.parametrize(
    ("model", "settings", "way", "resolved", "cost"),
    [
        (MODEL, WITH_CONTROL_PLANE, "LOCAL_PROVIDER", MODEL, "none"),
        ("gemini-3-pro", with_mappings(MAPPED), "MODEL_MAPPING", "gpt-5.5", "none"),
        ("gemini-3-pro", WITH_CONTROL_PLANE, "AMP_CREDITS", "gemini-3-pro", "amp_credits"),
        ("gemini-3-pro", Amp(), "NO_PROVIDER", "gemini-3-pro", "none"),
    ],
)
def test_a_line_says_which_way_a_request_went(model: str, settings: Amp, way: str, resolved: str, cost: str) -> None:
    with noted() as events:
        Door(settings).ask("POST", ANTHROPIC, body=message(model))
    (event,) = events
    assert (event["route_type"], event["requested_model"], event["resolved_model"]) == (way, model, resolved)
    assert (event["cost"], event["path"]) == (cost, ANTHROPIC)


def test_what_costs_credits_is_a_warning_with_the_line_that_would_spare_them() -> None:
    with noted() as events:
        Door().ask("POST", ANTHROPIC, body=message("gemini-3-pro"))
    (event,) = events
    assert event["log_level"].name == "warn"
    assert "{from: gemini-3-pro, to: …}" in formatEvent(event)


def test_a_mapping_that_can_never_hold_is_told() -> None:
    with noted() as events:
        Door(with_mappings(ModelMapping("(a+)+", "gpt-5.5", regex=True)))
    assert [event["asked"] for event in events] == ["(a+)+"]
