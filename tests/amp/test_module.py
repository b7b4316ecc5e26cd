"""Amp's door as a whole: which paths go where, and for whom."""

from __future__ import annotations

from pathlib import Path

import attrs
import orjson
import pytest

from cliproxy.amp.module import FEEDS, MANAGEMENT, SHOWN, SIGN_IN, AmpModule
from cliproxy.config.schema import Access, Amp, UpstreamKeyOf
from cliproxy.errors import Unreachable
from cliproxy.secret import Secret
from tests.support.amp import AMP_KEY
from tests.support.amps_door import CONTROL_PLANE, WITH_CONTROL_PLANE, AmpHouse, Door
from tests.support.http import KEY, REMOTE, with_keys
from tests.support.passing import Told

BROWSERS = (*SHOWN, SIGN_IN)
ALL = (*MANAGEMENT, *BROWSERS, *FEEDS)
WITH_KEY = f"Authorization: Bearer {KEY}"
OPEN = attrs.evolve(WITH_CONTROL_PLANE, restrict_management_to_localhost=False)


def error_of(body: bytes) -> object:
    return orjson.loads(body)["error"]


# -- which paths


def test_the_module_is_called_as_in_the_original() -> None:
    assert AmpModule().name == "amp-routing"


@pytest.mark.parametrize("path", ALL)
def test_the_path_is_passed_on(path: str) -> None:
    door = Door()
    assert door.ask("GET", path).status == 200
    assert (door.errand.base_url, door.errand.target) == (CONTROL_PLANE, path.encode())


@pytest.mark.parametrize("below", ["/", "/x", "/x/y", "/x%2Fy", "//x", "/x//y/", "/;a=b", "/%C3%A4"])
@pytest.mark.parametrize("path", ["/api/internal", "/api/ads", "/api/thread-actors", "/threads", "/auth"])
def test_what_stands_below_is_passed_on_byte_for_byte(path: str, below: str) -> None:
    door = Door()
    assert door.ask("GET", path + below).status == 200
    assert door.errand.target == (path + below).encode()


@pytest.mark.parametrize(
    "path", ["/api/internals", "/api", "/api/other", "/thread", "/authx", "/news", "/api/provider"]
)
def test_nothing_else_is(path: str) -> None:
    door = Door()
    assert door.ask("GET", path).status == 404
    assert door.amp_house.errands == []


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
def test_any_method_is_passed_on_for_clients(method: str) -> None:
    door = Door()
    door.ask(method, "/api/threads/T-1", body=b"{}")
    assert (door.errand.method, door.errand.body) == (method.encode(), b"{}")


@pytest.mark.parametrize("path", [*SHOWN, *FEEDS])
def test_pages_are_only_shown(path: str) -> None:
    assert Door().ask("POST", path, body=b"").status == 405


def test_signing_in_takes_any_method() -> None:
    assert Door().ask("POST", "/auth/sign-in", body=b"a=1").status == 200


# -- without a control plane


@pytest.mark.parametrize("path", ALL)
def test_without_a_control_plane_the_path_is_unavailable(path: str) -> None:
    answer = Door(Amp()).ask("GET", path)
    assert (answer.status, answer.body) == (503, b'{"error":"amp upstream proxy not available"}')
    assert answer["content-type"] == "application/json"


def test_models_are_served_without_a_control_plane() -> None:
    assert Door(Amp()).ask("GET", "/api/provider/openai/v1/models").status == 200


def test_a_control_plane_that_a_reload_brings_is_used() -> None:
    door = Door(Amp())
    assert door.ask("GET", "/api/user").status == 503
    door.amp.reconfigure(WITH_CONTROL_PLANE)
    assert door.ask("GET", "/api/user").status == 200


def test_a_control_plane_that_a_reload_takes_away_is_not() -> None:
    door = Door()
    door.amp.reconfigure(Amp())
    assert door.ask("GET", "/api/user").status == 503


def test_another_control_plane_is_asked_from_the_reload_on() -> None:
    door = Door()
    door.amp.reconfigure(attrs.evolve(WITH_CONTROL_PLANE, upstream_url="https://other.example/below"))
    door.ask("GET", "/api/user")
    assert door.errand.base_url == "https://other.example/below"


# -- this machine only


@pytest.mark.parametrize("path", ALL)
@pytest.mark.parametrize("lines", [(), ("X-Forwarded-For: 127.0.0.1",), ("X-Real-IP: ::1", "Forwarded: for=127.0.0.1")])
def test_nobody_on_the_network_gets_through(path: str, lines: tuple[str, ...]) -> None:
    door = Door(access=with_keys(), peer=REMOTE)
    answer = door.ask("GET", path, WITH_KEY, *lines)
    assert answer.status == 403
    assert error_of(answer.body) == "Access denied: management routes restricted to localhost"
    assert door.amp_house.errands == []


def test_whom_a_local_client_forwards_for_shuts_it_not_out() -> None:
    assert Door().ask("GET", "/api/user", "X-Forwarded-For: 8.8.8.8").status == 200


def test_a_trusted_proxys_client_is_whoever_it_says() -> None:
    access = Access(trusted_proxies=("127.0.0.1",))
    assert Door(access=access).ask("GET", "/api/user", "X-Forwarded-For: 8.8.8.8").status == 403


def test_the_restriction_may_be_lifted_and_laid_on_again() -> None:
    door = Door(OPEN, access=with_keys(), peer=REMOTE)
    assert door.ask("GET", "/api/user", WITH_KEY).status == 200
    door.amp.reconfigure(WITH_CONTROL_PLANE)
    assert door.ask("GET", "/api/user", WITH_KEY).status == 403


def test_without_keys_a_lifted_restriction_lets_no_stranger_in() -> None:
    assert Door(OPEN, peer=REMOTE).ask("GET", "/api/user").status == 403


@pytest.mark.parametrize("path", ["/threads", "/settings", "/auth/cli-login"])
def test_without_keys_a_lifted_restriction_shows_no_stranger_the_owners_pages(path: str) -> None:
    """Where no keys are configured, everybody used to be the owner."""
    door = Door(OPEN, peer=REMOTE)
    assert door.ask("GET", path).status == 200
    assert AMP_KEY not in str(door.errand.headers)


def test_whom_an_unknown_proxy_forwards_for_is_not_taken_for_the_owner() -> None:
    door = Door()
    assert door.ask("GET", "/api/user", "X-Forwarded-For: 8.8.8.8").status == 200
    assert AMP_KEY not in str(door.errand.headers)


def test_models_are_not_restricted_to_this_machine() -> None:
    assert Door(access=with_keys(), peer=REMOTE).ask("GET", "/api/provider/openai/models", WITH_KEY).status == 200


# -- keys


@pytest.mark.parametrize("path", [*MANAGEMENT, *FEEDS])
def test_a_client_shows_its_key(path: str) -> None:
    door = Door(access=with_keys())
    answer = door.ask("GET", path)
    assert answer.status == 401
    assert isinstance(error_of(answer.body), str)
    assert door.ask("GET", path, WITH_KEY).status == 200


@pytest.mark.parametrize("path", ["/threads", "/threads/T-1", "/auth/cli-login", "/docs", "/settings/x"])
def test_a_browser_has_none_to_show(path: str) -> None:
    assert Door(access=with_keys()).ask("GET", path).status == 200


def test_who_shows_no_key_where_keys_are_configured_has_not_the_owners_at_the_control_plane() -> None:
    door = Door(access=with_keys())
    door.ask("GET", "/auth/cli-login")
    assert AMP_KEY not in str(door.errand.headers)


@pytest.mark.parametrize(
    "how",
    [
        (WITH_KEY,),
        (f"X-Api-Key: {KEY}",),
        (f"X-Goog-Api-Key: {KEY}",),
        (WITH_KEY, f"Cookie: key={KEY}", f"X-Other: {KEY}", f"Referer: http://127.0.0.1:8317/?k={KEY}"),
    ],
)
@pytest.mark.parametrize("settings", [WITH_CONTROL_PLANE, Amp(upstream_url=CONTROL_PLANE)])
def test_a_clients_key_stays_here(how: tuple[str, ...], settings: Amp) -> None:
    door = Door(settings, access=with_keys())
    assert door.ask("GET", "/api/user", *how).status == 200
    assert KEY.encode() not in b" ".join(value for _, value in door.errand.headers)


@pytest.mark.parametrize(
    ("query", "left"),
    [
        (f"key={KEY}", ""),
        (f"a=%20&key={KEY}&b", "?a=%20&b"),
        (f"auth_token={KEY}&key=another&z", "?key=another&z"),
        (f"any={KEY.replace('-', '%2d')}&a==&&b=+", "?a==&&b=+"),
        ("key=another", "?key=another"),
        ("", "?"),
    ],
)
def test_only_query_values_with_a_clients_key_are_cut(query: str, left: str) -> None:
    door = Door(access=with_keys())
    door.ask("GET", f"/api/threads?{query}", WITH_KEY)
    assert door.errand.target == b"/api/threads" + left.encode()


def test_the_owners_key_is_shown_to_the_control_plane() -> None:
    door = Door()
    door.ask("GET", "/api/user", "Authorization: Bearer whatever")
    assert (door.sent("authorization"), door.sent("x-api-key")) == ([f"Bearer {AMP_KEY}".encode()], [AMP_KEY.encode()])


def test_a_client_with_a_key_of_its_own_at_amp_shows_that() -> None:
    row = UpstreamKeyOf(Secret("sgamp_of_this_client"), frozenset({Secret(KEY)}))
    door = Door(
        attrs.evolve(WITH_CONTROL_PLANE, upstream_api_keys=(row,)), access=with_keys(KEY, "sk-of-another-client")
    )
    door.ask("GET", "/api/user", WITH_KEY)
    assert door.sent("x-api-key") == [b"sgamp_of_this_client"]


def test_another_client_shows_the_common_one() -> None:
    row = UpstreamKeyOf(Secret("sgamp_of_this_client"), frozenset({Secret("sk-of-another-client")}))
    door = Door(
        attrs.evolve(WITH_CONTROL_PLANE, upstream_api_keys=(row,)), access=with_keys(KEY, "sk-of-another-client")
    )
    door.ask("GET", "/api/user", WITH_KEY)
    assert door.sent("x-api-key") == [AMP_KEY.encode()]


def test_amps_own_file_is_asked_at_last(tmp_path: Path) -> None:
    file = tmp_path / ".local/share/amp/secrets.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"apiKey@https://amp.example/": "sgamp_of_the_file"}')
    door = Door(Amp(upstream_url=CONTROL_PLANE), home=tmp_path)
    door.ask("GET", "/api/user")
    assert door.sent("x-api-key") == [b"sgamp_of_the_file"]


def test_a_clients_key_in_the_daemons_own_environment_is_no_key_of_amps(tmp_path: Path) -> None:
    """Amp's command line takes its key for the daemon of `AMP_API_KEY`, where the daemon looks for that of Amp."""
    file = tmp_path / ".local/share/amp/secrets.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"apiKey@https://amp.example": "sgamp_of_the_file"}')
    door = Door(Amp(upstream_url=CONTROL_PLANE), access=with_keys(), home=tmp_path, environ={"AMP_API_KEY": KEY})
    door.ask("GET", "/api/user", WITH_KEY)
    assert door.sent("x-api-key") == [b"sgamp_of_the_file"]


def test_a_clients_key_is_no_key_of_amps_wherever_it_stands() -> None:
    settings = Amp(upstream_url=CONTROL_PLANE, upstream_api_key=Secret(KEY))
    door = Door(settings, access=with_keys())
    door.ask("GET", "/api/user", WITH_KEY)
    assert KEY not in str(door.errand.headers)


# -- pages


@pytest.mark.parametrize("path", ALL)
def test_a_preflight_is_refused(path: str) -> None:
    door = Door(access=Access(allowed_origins=("https://app.example",)))
    answer = door.ask("OPTIONS", path, "Origin: https://app.example", "Access-Control-Request-Method: GET")
    assert (answer.status, answer.body) == (403, b"")
    assert door.amp_house.errands == []


def test_what_the_control_plane_says_of_pages_is_not_told() -> None:
    told = Told(200, ("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", "x"), whole=True)
    answer = Door(house=AmpHouse(told=told)).ask("GET", "/api/user")
    assert not [name for name, _ in answer.headers if name.startswith("access-control-")]


def test_a_redirect_of_another_site_may_end_a_signing_in() -> None:
    lines = ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")
    assert Door().ask("GET", "/auth/callback?code=1", *lines).status == 200


def test_a_page_of_another_site_reaches_nothing() -> None:
    assert Door().ask("GET", "/api/user", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors").status == 403


# -- trouble


def test_a_control_plane_that_cannot_be_reached_is_a_bad_gateway() -> None:
    answer = Door(house=AmpHouse(told=Unreachable("no"))).ask("GET", "/api/user")
    assert answer.status == 502
    assert orjson.loads(answer.body) == {
        "error": "amp_upstream_proxy_error",
        "message": "Failed to reach Amp upstream",
    }
    assert answer["content-type"] == "application/json"


def test_an_error_of_the_control_plane_is_told_as_it_is() -> None:
    answer = Door(house=AmpHouse(told=Told(418, body=b"teapot", whole=True))).ask("GET", "/api/user")
    assert (answer.status, answer.body) == (418, b"teapot")
