"""From `cliproxy login` to a reply: each way to log in, the daemon beside it, and what becomes of the tokens."""

from __future__ import annotations

import json
import os
import re
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, build_opener

import attrs
import pytest

from cliproxy.logins.fields import rfc3339
from tests.real.conftest import CLIENT_KEY, Start
from tests.support.code_assist import PROJECT
from tests.support.codex_backend import ACCOUNT_ID
from tests.support.processes import ANYWHERE, CLIPROXY, Process, Reply, accepts, ask, message, until
from tests.support.vendors import CLIENT_SECRET, Vendors, free_port
from tests.support.vendors import vendors as all_vendors

MODELS: Final = {
    "claude": "claude-sonnet-5",
    "codex": "gpt-5.5",
    "gemini": "gemini-2.5-pro",
    "kimi": "kimi-for-coding",
    "xai": "grok-9",
}
SECRET: Final = re.compile(rf"\b(?:access-\d+|refresh-\d+-\d+|code-\d+|device-\d+|{CLIENT_SECRET})\b|eyJ|verifier-")
"""What the providers give out, and what it is asked with."""
SOON_SECONDS: Final = 1.0


@pytest.fixture(scope="module")
def every_vendor() -> Iterator[Vendors]:
    with all_vendors() as vendors:
        yield vendors


@attrs.frozen
class Home:
    """Somebody's machine: a configuration, a directory of accounts, and processes."""

    start: Start
    vendors: Vendors
    place: Path
    home: Path
    """Of the official CLIs."""
    processes: list[Process] = attrs.field(factory=list)

    @property
    def config(self) -> Path:
        return self.place / "config.yaml"

    @property
    def accounts(self) -> Path:
        return self.place / "accounts"

    def configure(self, **logins: Mapping[str, object]) -> None:
        values = {
            "port": 0,
            "api-keys": [CLIENT_KEY],
            "auth-dir": str(self.accounts),
            "request-retry": 0,
            "logins": self.vendors.logins(**logins),
        }
        self.config.write_text(json.dumps(values))

    def run(self, *argv: str, **more: Any) -> Process:
        process = self.start(*argv, "--config", str(self.config), **more)
        self.processes.append(process)
        return process

    def daemon(self) -> Process:
        daemon = self.run(*CLIPROXY, "run", "--listen", ANYWHERE)
        until(lambda: accepts(daemon.url))
        return daemon

    def verb(self, *words: str) -> str:
        """What a verb shows that goes well."""
        process = self.start(*CLIPROXY, words[0], "--config", str(self.config), *words[1:])
        self.processes.append(process)
        assert process.end() == 0, process.output
        return process.stdout

    def log_in(self, provider: str, *options: str) -> None:
        """The person agrees, whichever way it goes."""
        login = self.run(*CLIPROXY, "login", provider, *options)
        if login.line(r"/authorize\?|type this code")[0] != "type this code":
            browse(page_of(login))
        assert login.end() == 0, login.output

    def log_in_by_pasting(self, shown: Callable[[str], str], provider: str, *options: str) -> Process:
        """The browser cannot come back: the person pastes what it shows."""
        terminal = self.place / "terminal"
        os.mkfifo(terminal)
        shell = ("/bin/sh", "-c", 'exec "$@" <"$0"', str(terminal))
        login = self.run(*shell, *CLIPROXY, "login", provider, *options)
        with terminal.open("w") as typed:
            typed.write(shown(ends_at(page_of(login))) + "\n")
        return login

    def account(self, name: str) -> dict[str, Any]:
        """A file, as it stands."""
        document = json.loads((self.accounts / name).read_text())
        assert isinstance(document, dict)
        return document

    @property
    def only_account(self) -> str:
        (name,) = (path.name for path in self.accounts.glob("*.json"))
        return name

    def keep(self, provider: str, **more: object) -> Mapping[str, str]:
        """An account that was logged in to earlier; its tokens."""
        tokens = self.vendors.grant()
        self.accounts.mkdir(mode=0o700, exist_ok=True)
        of_all = {"expired": time.time() + 7 * 86_400, "account_id": ACCOUNT_ID, "project_id": PROJECT}
        members = {"type": provider, **of_all, **tokens, **more}
        (self.accounts / f"{provider}-me.json").write_text(json.dumps(members))
        return tokens

    def leaks(self) -> list[str]:
        """Lines that hold a secret: of any process, and of all files but the accounts'."""
        shown = [line for process in self.processes for line in process.output.splitlines()]
        files = (path for path in self.place.rglob("*") if path.is_file() and path.parent != self.accounts)
        shown += [path.read_bytes().decode("latin-1") for path in files if path != self.config]
        return [line for line in shown if SECRET.search(line)]


@pytest.fixture
def home(start: Start, every_vendor: Vendors, tmp_path: Path) -> Iterator[Home]:
    """After each test: no secret is where it does not belong, and nothing has gone wrong unseen."""
    every_vendor.forget()
    with tempfile.TemporaryDirectory(prefix="c-") as place:  # short: a socket's path has room for 100 letters
        home = Home(start, every_vendor, Path(place), tmp_path)
        home.configure()
        yield home
        assert home.leaks() == []
        assert "Traceback" not in "".join(process.output for process in home.processes)


def page_of(login: Process) -> str:
    return login.line(r"(http://\S+/authorize\?\S+)")[1]


def browse(url: str) -> str:
    """Open a page as a browser does, and go wherever it leads; its text."""
    with build_opener(ProxyHandler({})).open(url, timeout=20) as page:
        text: str = page.read().decode()
        return text


class _Stays(HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def ends_at(url: str) -> str:
    """Where a page leads to, which the browser cannot open."""
    with pytest.raises(HTTPError) as redirect:
        build_opener(ProxyHandler({}), _Stays()).open(url, timeout=20)
    with redirect.value as found:
        return str(found.headers["location"])


def code_and_state(url: str) -> str:
    """As Anthropic's page shows it."""
    query = parse_qs(urlsplit(url).query)
    return f"{query['code'][0]}#{query['state'][0]}"


def ask_for(daemon: Process, provider: str, text: str = "Hello!") -> Reply:
    return ask(daemon.url, message(text, model=MODELS[provider]), CLIENT_KEY)


def text_of(reply: Reply) -> str:
    assert reply.status == 200, reply.body
    content: Any = reply.json["content"]
    return str(content[0]["text"])


# -- logging in ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "options"),
    [
        ("claude", ()),
        ("codex", ()),
        ("codex", ("--device",)),
        ("gemini", ()),
        ("kimi", ()),
        ("xai", ()),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else value,
)
def test_a_login_made_while_the_daemon_runs_serves_within_a_second(
    provider: str, options: tuple[str, ...], home: Home
) -> None:
    """By the protocol of each vendor, whose server refuses what it does not know."""
    home.vendors.set(client_secret=CLIENT_SECRET if provider == "gemini" else "")
    daemon = home.daemon()
    assert ask_for(daemon, provider).status == 404
    home.log_in(provider, *options)
    logged_in = time.monotonic()
    until(lambda: ask_for(daemon, provider).status == 200)
    assert time.monotonic() - logged_in < SOON_SECONDS
    assert text_of(ask_for(daemon, provider)) == "Hello"


def test_requests_say_what_program_asks(home: Home) -> None:
    home.keep("codex")
    ask_for(home.daemon(), "codex")
    (heard,) = home.vendors.heard()
    assert heard.headers["user-agent"].startswith("cliproxy/")


@pytest.mark.parametrize("shown", [lambda url: url, code_and_state], ids=["address", "code-and-state"])
def test_what_the_browser_ended_at_may_be_pasted(shown: Callable[[str], str], home: Home) -> None:
    login = home.log_in_by_pasting(shown, "claude")
    assert login.end() == 0
    assert home.only_account == "claude-me@example.org.json"


def test_a_port_that_is_taken_leaves_pasting(home: Home) -> None:
    taken = urlsplit(home.vendors.url).port
    login = home.log_in_by_pasting(lambda url: url, "codex", "--callback-port", str(taken))
    assert login.end() == 0
    assert f"Port {taken} cannot be listened at" in login.stdout


def test_xai_comes_back_from_a_browser_too(home: Home) -> None:
    port = free_port()
    redirect = {"redirect-uri": f"http://127.0.0.1:{port}/callback", "callback-port": port}
    home.configure(xai=redirect)
    home.log_in("xai", "--callback-port", str(port))
    assert text_of(ask_for(home.daemon(), "xai")) == "Hello"


def test_an_account_is_for_its_owner_alone(home: Home) -> None:
    home.log_in("kimi")
    modes = (home.accounts.stat().st_mode, (home.accounts / home.only_account).stat().st_mode)
    assert [oct(mode & 0o777) for mode in modes] == ["0o700", "0o600"]


def test_who_gives_up_leaves_nothing(home: Home) -> None:
    login = home.run(*CLIPROXY, "login", "claude")
    page_of(login)
    login.send(signal.SIGINT)
    assert login.end() == 130
    assert list(home.accounts.iterdir()) == []


def test_an_account_that_is_removed_serves_no_longer(home: Home) -> None:
    home.keep("claude")
    daemon = home.daemon()
    assert ask_for(daemon, "claude").status == 200
    home.verb("logins", "remove", "claude-me")
    until(lambda: ask_for(daemon, "claude").status == 404)
    assert list(home.accounts.glob("*.json")) == []


# -- tokens --------------------------------------------------------------------------------------------------------


def test_every_token_is_renewed_before_it_ends(home: Home) -> None:
    """Each provider is asked as it wants to be."""
    home.configure(**{provider: {"lead-seconds": 600} for provider in MODELS})
    moments = {"last_refresh": time.time() - 3600, "expired": time.time() + 60}
    before = [home.keep(provider, **moments)["access_token"] for provider in MODELS]
    daemon = home.daemon()
    daemon.line("is renewed", times=len(MODELS))
    assert [text_of(ask_for(daemon, provider)) for provider in MODELS] == ["Hello"] * len(MODELS)
    assert {heard.token for heard in home.vendors.heard()}.isdisjoint(before)


def test_a_token_that_is_refused_is_renewed_and_the_client_notices_nothing(home: Home) -> None:
    before = home.keep("kimi")
    daemon = home.daemon()
    home.vendors.refuse(before["access_token"])
    assert text_of(ask_for(daemon, "kimi")) == "Hello"
    assert [heard.status for heard in home.vendors.heard()] == [401, 200]


@pytest.mark.parametrize("provider", ["gemini", "xai"])
def test_what_a_login_wrote_down_renews_it(provider: str, home: Home) -> None:
    """Google's with its client's secret; xAI's at an address that is configured, and not xAI's own."""
    home.vendors.set(client_secret=CLIENT_SECRET if provider == "gemini" else "")
    home.log_in(provider)
    daemon = home.daemon()
    home.vendors.refuse(home.account(home.only_account)["access_token"])
    assert text_of(ask_for(daemon, provider)) == "Hello"


def test_many_requests_that_are_refused_at_once_renew_it_once(home: Home) -> None:
    """Those of two daemons, too: a refresh token is good once."""
    before = home.keep("kimi")
    daemons = [home.daemon(), home.daemon()]
    home.vendors.refuse(before["access_token"])
    with ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(lambda number: ask_for(daemons[number % 2], "kimi"), range(16)))
    assert [reply.status for reply in replies] == [200] * 16
    assert len(home.vendors.asked_for("/token")) == 1


def test_renewing_at_a_terminal_does_not_disturb_the_daemon(home: Home) -> None:
    before = home.keep("claude")
    daemon = home.daemon()
    assert "is renewed" in home.verb("logins", "refresh", "claude-me")
    home.vendors.refuse(before["access_token"])
    assert text_of(ask_for(daemon, "claude")) == "Hello"
    assert len(home.vendors.asked_for("/token")) == 1


def test_an_account_whose_renewal_is_refused_needs_a_login_everywhere(home: Home) -> None:
    before = home.keep("claude")
    daemon = home.daemon()
    home.vendors.refuse(before["access_token"])
    home.vendors.revoke(before["refresh_token"])
    assert ask_for(daemon, "claude").status == 401
    daemon.line(r"claude-me.json needs a new login, which `cliproxy login claude` makes")
    assert "needs login" in home.verb("logins")
    assert "needs login" in home.verb("status")


def test_it_is_not_tried_for_ever(home: Home) -> None:
    before = home.keep("claude")
    daemon = home.daemon()
    home.vendors.refuse(before["access_token"])
    home.vendors.revoke(before["refresh_token"])
    statuses = [ask_for(daemon, "claude").status for _ in range(3)]
    assert statuses == [401, 503, 503]
    assert len(home.vendors.asked_for("/token")) == 1


def test_a_vendor_that_repeats_the_token_does_not_spread_it(home: Home) -> None:
    """Nor does a daemon that has nothing to renew it with."""
    before = home.keep("claude", refresh_token="")
    daemon = home.daemon()
    home.vendors.refuse(before["access_token"])
    reply = ask_for(daemon, "claude")
    assert b"is good for nothing" in reply.body
    assert not SECRET.search(reply.body.decode())


def test_a_new_login_mends_it(home: Home) -> None:
    before = home.keep("kimi")
    daemon = home.daemon()
    home.vendors.refuse(before["access_token"])
    home.vendors.revoke(before["refresh_token"])
    assert ask_for(daemon, "kimi").status == 401
    home.log_in("kimi")
    until(lambda: ask_for(daemon, "kimi").status == 200)


# -- accounts of the official CLIs ----------------------------------------------------------------------------------


def claude_cli(home: Home, tokens: Mapping[str, str]) -> Path:
    """Claude Code is logged in, or has renewed its token."""
    path = home.home / ".claude" / ".credentials.json"
    path.parent.mkdir(exist_ok=True)
    block = {
        "accessToken": tokens["access_token"],
        "refreshToken": tokens["refresh_token"],
        "expiresAt": int((time.time() + 6 * 3600) * 1000),
        "scopes": ["user:inference"],
    }
    path.write_text(json.dumps({"claudeAiOauth": block, "another": 1}))
    path.chmod(0o600)
    return path


def codex_cli(home: Home, tokens: Mapping[str, str]) -> Path:
    path = home.home / ".codex" / "auth.json"
    path.parent.mkdir(exist_ok=True)
    told = {**tokens, "account_id": ACCOUNT_ID}
    path.write_text(json.dumps({"tokens": told, "last_refresh": rfc3339(time.time()), "another": 1}))
    path.chmod(0o600)
    return path


CLIS: Final = pytest.mark.parametrize(("provider", "cli"), [("claude", claude_cli), ("codex", codex_cli)])
Cli = Callable[[Home, Mapping[str, str]], Path]


@CLIS
def test_its_tokens_are_not_copied(provider: str, cli: Cli, home: Home) -> None:
    cli(home, home.vendors.grant())
    home.verb("login", provider, "--adopt")
    assert not SECRET.search((home.accounts / home.only_account).read_text())


@CLIS
def test_what_the_cli_renewed_first_is_taken_over(provider: str, cli: Cli, home: Home) -> None:
    first, second = home.vendors.grant(), home.vendors.grant()
    cli(home, first)
    home.verb("login", provider, "--adopt")
    daemon = home.daemon()
    assert ask_for(daemon, provider).status == 200
    cli(home, second)
    home.vendors.refuse(first["access_token"])
    home.vendors.revoke(first["refresh_token"])
    assert text_of(ask_for(daemon, provider)) == "Hello"
    assert home.vendors.heard()[-1].token == second["access_token"]
    assert home.vendors.asked_for("/token") == []


@CLIS
def test_what_the_daemon_renews_is_left_where_the_cli_looks(provider: str, cli: Cli, home: Home) -> None:
    first = home.vendors.grant()
    path = cli(home, first)
    before = json.loads(path.read_text())
    home.verb("login", provider, "--adopt")
    daemon = home.daemon()
    home.vendors.refuse(first["access_token"])
    assert ask_for(daemon, provider).status == 200
    after = path.read_text()
    assert home.vendors.heard()[-1].token in after
    assert json.loads(after).keys() == before.keys()
    assert oct(path.stat().st_mode & 0o777) == "0o600"
