"""Amp's door as its owner changes the configuration of a running daemon; and modules of the owner's own beside it."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.real.conftest import Start, Write
from tests.support.amps_daemon import CLIENT_KEY, KEYED, amps_daemon, ask, asking, configuration
from tests.support.control_plane import AMP_KEY, EVENTS, ControlPlane, control_plane
from tests.support.processes import CLIPROXY, Process, message
from tests.support.route_modules import BROKEN, DEAF, HELLO, UNMADE

FROM_ELSEWHERE: Final = {**KEYED, "X-Forwarded-For": "203.0.113.5"}
"""Believed of 127.0.0.1, which the configuration trusts."""
MESSAGES: Final = "/api/provider/anthropic/v1/messages"


@pytest.fixture(scope="module")
def planes() -> Iterator[tuple[ControlPlane, ControlPlane]]:
    with control_plane() as one, control_plane() as other:
        yield one, other


class Owner:
    """Changes the file of a running daemon. State: how often it was taken."""

    def __init__(self, daemon: Process, file: Path, rest: Mapping[str, object]) -> None:
        self.daemon = daemon
        self._file = file
        self._rest = rest
        self._reloads = 0

    @property
    def home(self) -> Path:
        """The directory in which the daemon looks for what Amp's own client has left."""
        return self._file.parent

    def configure(self, **ampcode: object) -> None:
        """Have this hold of Amp, and wait until it does."""
        text = configuration({name.replace("_", "-"): value for name, value in ampcode.items()}, **self._rest)
        if text != self._file.read_text():
            self._reloads += 1
            self._file.write_text(text)
            self.daemon.line("configuration reloaded", self._reloads)

    def mistake(self, text: str) -> None:
        """Write what cannot be read, and leave it there."""
        self._file.write_text(text)

    def status(self, path: str = "/api/user", headers: Mapping[str, str] = KEYED) -> int:
        """Of the answer to a client."""
        return ask(self.daemon.url, path, headers=headers).status


@pytest.fixture(scope="module")
def an_owner(tmp_path_factory: pytest.TempPathFactory, upstream: str) -> Iterator[Owner]:
    directory = tmp_path_factory.mktemp("daemon")
    models = [{"name": "demo"}, {"name": "claude-sonnet-5"}]
    account = {"api-key": "sk-of-an-account-0123456789", "base-url": upstream, "models": models}
    rest = {"claude_api_key": [account], "trusted_proxies": ["127.0.0.1"]}
    with amps_daemon(directory, configuration({}, **rest)) as daemon:
        daemon.line("listening at")  # it has read its file
        yield Owner(daemon, directory / "config.yaml", rest)


@pytest.fixture
def owner(an_owner: Owner) -> Iterator[Owner]:
    """Of a daemon that runs behind each test as before, and saw nothing that nobody expected."""
    yield an_owner
    assert an_owner.status("/v1/models") == 200
    assert "Traceback" not in an_owner.daemon.output


def test_a_url_appears_changes_and_goes(owner: Owner, planes: tuple[ControlPlane, ControlPlane]) -> None:
    one, other = planes
    owner.configure()
    assert owner.status() == 503
    owner.configure(upstream_url=one.url)
    assert (owner.status(), len(one.visits_to("/api/user"))) == (200, 1)
    owner.configure(upstream_url=f"{other.url}/below")
    assert (owner.status(), len(other.visits_to("/below/api/user"))) == (200, 1)
    owner.configure()
    assert owner.status() == 503
    assert len(one.visits_to("/api/user")) == 1


def test_an_answer_under_way_goes_on_when_its_url_goes(owner: Owner, planes: tuple[ControlPlane, ControlPlane]) -> None:
    plane, _ = planes
    plane.forget()
    owner.configure(upstream_url=plane.url)
    with asking(owner.daemon.url, "/api/threads/turns") as stream:
        plane.turns.release()
        assert stream.readline() == b"data: 0\n"
        owner.configure()
        assert owner.status() == 503
        plane.turns.release(len(EVENTS))
        assert stream.read().endswith(EVENTS[-1])


def test_another_key_is_shown_from_the_reload_on(owner: Owner, planes: tuple[ControlPlane, ControlPlane]) -> None:
    plane, _ = planes
    plane.forget()
    owner.configure(upstream_url=plane.url, upstream_api_key=AMP_KEY)
    owner.status()
    owner.configure(upstream_url=plane.url, upstream_api_key="sgamp_another")
    owner.status()
    own = [{"upstream-api-key": "sgamp_of_this_client", "api-keys": [CLIENT_KEY]}]
    owner.configure(upstream_url=plane.url, upstream_api_key="sgamp_another", upstream_api_keys=own)
    owner.status()
    owner.configure(upstream_url=plane.url)
    owner.status()
    shown = [visit.all("x-api-key") for visit in plane.visits]
    assert shown == [[AMP_KEY], ["sgamp_another"], ["sgamp_of_this_client"], []]


def test_the_key_that_amps_own_client_has_left_is_found_after_a_reload(
    owner: Owner, planes: tuple[ControlPlane, ControlPlane]
) -> None:
    plane, _ = planes
    plane.forget()
    owner.configure(upstream_url=plane.url)
    owner.status()
    secrets = owner.home / ".local/share/amp/secrets.json"
    secrets.parent.mkdir(parents=True)
    secrets.write_text(json.dumps({f"apiKey@{plane.url}/": "sgamp_of_the_file"}))
    owner.status()
    owner.configure(upstream_url=plane.url, force_model_mappings=True)
    owner.status()
    secrets.unlink()
    assert [visit.all("x-api-key") for visit in plane.visits] == [[], [], ["sgamp_of_the_file"]]


def test_a_control_plane_that_is_not_there_is_a_bad_gateway(owner: Owner) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        owner.configure(upstream_url=f"http://127.0.0.1:{nobody.getsockname()[1]}")
        answer = ask(owner.daemon.url, "/api/user")
    assert (answer.status, answer.all("content-type")) == (502, ["application/json"])
    assert json.loads(answer.body)["error"] == "amp_upstream_proxy_error"


def test_the_restriction_is_lifted_and_laid_on_again(owner: Owner, planes: tuple[ControlPlane, ControlPlane]) -> None:
    plane, _ = planes
    owner.configure(upstream_url=plane.url)
    assert (owner.status(), owner.status(headers=FROM_ELSEWHERE)) == (200, 403)
    owner.configure(upstream_url=plane.url, restrict_management_to_localhost=False)
    assert owner.status(headers=FROM_ELSEWHERE) == 200
    owner.configure(upstream_url=plane.url, restrict_management_to_localhost=True)
    assert owner.status(headers=FROM_ELSEWHERE) == 403


def test_mappings_change(owner: Owner) -> None:
    body = message(model="amp-model")
    owner.configure()
    assert ask(owner.daemon.url, MESSAGES, "POST", body).status == 404
    for target in ("demo", "claude-sonnet-5"):
        owner.configure(model_mappings=[{"from": "^amp", "to": target, "regex": True}])
        answer = ask(owner.daemon.url, MESSAGES, "POST", body)
        assert (answer.status, json.loads(answer.body)["model"]) == (200, "amp-model")
        owner.daemon.line(rf"MODEL_MAPPING: amp-model by {target}$")


def test_a_mapping_is_forced_and_is_not(owner: Owner) -> None:
    mappings = [{"from": "claude-sonnet-5", "to": "demo"}]
    body = message(model="claude-sonnet-5")
    owner.configure(model_mappings=mappings)
    ask(owner.daemon.url, MESSAGES, "POST", body)
    owner.daemon.line("LOCAL_PROVIDER: claude-sonnet-5 by claude-sonnet-5")
    owner.configure(model_mappings=mappings, force_model_mappings=True)
    ask(owner.daemon.url, MESSAGES, "POST", body)
    owner.daemon.line("MODEL_MAPPING: claude-sonnet-5 by demo")


def test_a_file_that_cannot_be_read_changes_nothing(owner: Owner, planes: tuple[ControlPlane, ControlPlane]) -> None:
    one, other = planes
    owner.configure(upstream_url=one.url)
    for text, why in (
        ("ampcode: {upstream-url: 'ftp://x'}", "ampcode.upstream-url: "),
        ("ampcode: {force-model-mappings: perhaps}", "ampcode.force-model-mappings: "),
        ("ampcode: [", "not YAML"),
    ):
        owner.mistake(text)
        owner.daemon.line(why)
        assert owner.status() == 200
    other.forget()
    owner.configure(upstream_url=other.url)
    assert (owner.status(), len(other.visits)) == (200, 1)


# -- modules of the owner's own


def test_a_module_stands_in_a_file_of_the_owners(tmp_path: Path) -> None:
    (tmp_path / "of_the_owner.py").write_text(
        "class Module:\n"
        "    name = 'of the owner'\n"
        "    said = b''\n"
        "    def register(self, app, context):\n"
        "        app.route('/mine')(lambda request: self.said)\n"
        "    def reconfigure(self, settings):\n"
        "        self.said = settings['say'].encode()\n"
    )
    modules = [{"path": "of_the_owner.Module", "settings": {"say": "Hello"}}]
    with amps_daemon(tmp_path, configuration({}, route_modules=modules)) as daemon:
        assert ask(daemon.url, "/mine").body == b"Hello"
        assert ask(daemon.url, "/mine", headers={}).status == 401
        modules[0]["settings"] = {"say": "Goodbye"}
        (tmp_path / "config.yaml").write_text(configuration({}, route_modules=modules))
        daemon.line("configuration reloaded")
        assert ask(daemon.url, "/mine").body == b"Goodbye"


def test_a_module_that_fails_leaves_the_daemon_and_the_others(tmp_path: Path) -> None:
    paths = (BROKEN, UNMADE, DEAF, "no_such_package.Module", HELLO)
    text = configuration({}, route_modules=[{"path": path} for path in paths])
    with amps_daemon(tmp_path, text) as daemon:
        assert (ask(daemon.url, "/v1/models").status, ask(daemon.url, "/api/user").status) == (200, 503)
        assert ask(daemon.url, "/hello/you").body.endswith(b", you!")
        for path in (UNMADE, "no_such_package.Module"):
            daemon.line(f"the route module {path} cannot be made")
        daemon.line("out of routes")


# -- what the owner is told


def checked(start: Start, write: Write, ampcode: Mapping[str, object]) -> tuple[int, list[str]]:
    """The status of `cliproxy check`, and of which keys of Amp it says something."""
    process = start(*CLIPROXY, "check", str(write(ampcode=ampcode)))
    return process.end(), re.findall(r"ampcode\.([^:\n]+)", process.output)


def test_check_says_what_is_wrong_of_amp(start: Start, write: Write) -> None:
    ampcode = {
        "upstream-url": "ampcode.com",
        "upstream-api-key": [1],
        "upstream-api-keys": "none",
        "restrict-management-to-localhost": "perhaps",
        "model-mappings": {"from": "a"},
    }
    status, said = checked(start, write, ampcode)
    assert status == 1
    assert set(said) == set(ampcode)


def test_check_warns_of_what_is_left_out(start: Start, write: Write) -> None:
    mappings = [{"from": "(", "to": "demo", "regex": True}, {"from": "a"}, {"from": "a", "to": "demo"}]
    status, said = checked(start, write, {"model-mappings": mappings, "upsteam-url": "https://ampcode.com"})
    assert status == 0
    assert sorted(said) == ["model-mappings[].from", "model-mappings[].to", "upsteam-url"]
