"""What the loader takes, what it refuses, and what it says then."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cliproxy.config.document import MAX_DEPTH, MAX_VALUES
from cliproxy.config.keys import KEYS, NEVER_IN_USE
from cliproxy.config.loader import (
    MAX_FILE_BYTES,
    ConfigInvalid,
    ConfigUnreadable,
    Loaded,
    Problem,
    load,
    parse,
    parse_bytes,
)
from cliproxy.config.problems import MAX_PROBLEMS
from cliproxy.config.schema import (
    DIRECT,
    ClaudeKey,
    Config,
    Logins,
    Model,
    Proxy,
    Retrying,
    Routing,
    Share,
    Tls,
    Translation,
)
from cliproxy.routing.strategies import STRATEGIES
from cliproxy.secret import Secret

FULL = """\
host: 0.0.0.0
port: 9000
tls: {enable: true, cert: /etc/cert.pem, key: /etc/key.pem}
body-limit: 1.5 MiB
api-keys: [first, " second ", first]
allowed-hosts: [Box.example., "[::1]"]
allowed-origins: ["https://App.example:443", "http://localhost:3000"]
trusted-proxies: [10.0.0.0/8, "::1"]
claude-api-key:
  - api-key: sk-one
  - api-key: sk-two
    base-url: https://LLM.example:8443/anthropic//
    auth-header: Bearer
    headers:
      X-Team: tools
      X-Count: 5
      X-Flag: true
    proxy-url: none
    prefix: other
    models:
      - {name: big}
      - {name: small, alias: tiny}
    excluded-models: ["*-preview"]
    priority: -1
    weight: 3
    max-concurrency: 4
    disable-cooling: true
logins: {codex: {scope: openid}}
oauth-excluded-models: {codex: [gpt-1]}
oauth-model-alias: {claude: [{name: claude-x, alias: x}]}
routing:
  strategy: Fill-First
  session-affinity: no
  session-affinity-ttl: 1h30m
  max-concurrency: 5
  queue-size: 0
  queue-timeout-seconds: 2.5
force-model-prefix: true
proxy-url: socks5h://user%40home:p%3Aw@proxy.example
max-cooldown-seconds: 60
transient-error-cooldown-seconds: 5
disable-cooling: true
request-retry: 0
max-retry-credentials: 2
max-retry-interval: 0
hedge-after-ms: 1500
fallbacks: {a: [b, c], d: e}
connect-timeout-seconds: 2.5
first-byte-timeout-seconds: 90
idle-timeout-seconds: 30
streaming:
  keepalive-seconds: 0
stream-commit-seconds: 5
stream-flush-milliseconds: 20
stream-flush-size: 4 kB
auth-dir: /var/lib/creds
state-dir: /var/lib/state
debug: yes
shutdown-grace-seconds: 0
"""


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(ConfigInvalid) as caught:
        parse(text)
    return caught.value.problems


def only_problem(text: str) -> Problem:
    (problem,) = problems(text)
    return problem


def key(fields: str) -> ClaudeKey:
    return parse(f"claude-api-key: [{{api-key: k, {fields}}}]").config.claude_keys[0]


# -- what is taken -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n", "---\n", "{}", "api-keys:\nclaude-api-key:\ntls:\n"])
def test_a_file_that_says_nothing_means_the_defaults(text: str) -> None:
    assert parse(text) == Loaded(Config())


def test_every_key_in_use_is_read() -> None:
    config = parse(FULL).config

    listening = config.listening
    assert (listening.host, listening.port, listening.body_limit_bytes) == ("0.0.0.0", 9000, 1_572_864)
    assert listening.tls == Tls(enable=True, cert="/etc/cert.pem", key="/etc/key.pem")
    access = config.access
    assert access.api_keys == (Secret("first"), Secret("second"))
    assert access.allowed_hosts == ("box.example", "::1")
    assert access.allowed_origins == ("https://app.example", "http://localhost:3000")
    assert access.trusted_proxies == ("10.0.0.0/8", "::1")
    assert config.claude_keys == (
        ClaudeKey(Secret("sk-one"), share=Share(place=8)),
        ClaudeKey(
            api_key=Secret("sk-two"),
            base_url="https://llm.example:8443/anthropic",
            headers={"X-Team": "tools", "X-Count": "5", "X-Flag": "true"},
            proxy_url=DIRECT,
            models=(Model("big", "big"), Model("small", "tiny")),
            prefix="other",
            excluded_models=("*-preview",),
            share=Share(priority=-1, weight=3, max_concurrency=4, disable_cooling=True, place=8),
            auth_header="bearer",
        ),
    )
    assert config.proxy_url == Proxy("socks5", "proxy.example", 1080, Secret("user@home"), Secret("p:w"))
    assert config.logins == Logins(
        overrides={"codex": {"scope": "openid"}},
        excluded_models={"codex": ("gpt-1",)},
        aliases={"claude": (Model("claude-x", "x"),)},
    )
    assert config.routing == Routing(
        strategy="fill-first",
        session_affinity=False,
        session_affinity_seconds=5400,
        max_concurrency=5,
        queue_size=0,
        queue_seconds=2.5,
        force_model_prefix=True,
    )
    assert config.retrying == Retrying(
        request_retry=0,
        max_retry_credentials=2,
        max_retry_interval_seconds=0,
        max_cooldown_seconds=60,
        transient_cooldown_seconds=5,
        disable_cooling=True,
        hedge_seconds=1.5,
        fallbacks={"a": ("b", "c"), "d": ("e",)},
    )
    timeouts = config.timeouts
    assert (timeouts.connect_seconds, timeouts.first_byte_seconds, timeouts.idle_seconds) == (2.5, 90, 30)
    streaming = config.streaming
    assert (streaming.flush_seconds, streaming.flush_bytes) == (0.020, 4000)
    assert (streaming.keepalive_seconds, streaming.commit_seconds) == (0, 5)
    assert (config.auth_dir, config.state_dir) == ("/var/lib/creds", "/var/lib/state")
    assert (config.debug, config.shutdown_grace_seconds) == (True, 0)


def test_a_sound_file_gives_no_warning() -> None:
    assert (parse(FULL).warnings, parse(FULL).not_in_use) == ((), ())


TOLD_IN_WORDS = ("", "none", "any", "built in", "state in auth-dir", "AMP_API_KEY, or Amp's own file")


def test_the_default_in_the_table_is_the_default_of_the_schema() -> None:
    for name, known in KEYS.items():
        if known.in_use and known.default not in TOLD_IN_WORDS and "[]" not in name:
            section, _, own = name.rpartition(".")
            text = f"{section}: {{{own}: {known.default}}}" if section else f"{own}: {known.default}"
            assert parse(text).config == Config(), name


def test_no_host_is_loopback_but_an_empty_one_is_every_interface() -> None:
    assert parse("host:").config.listening.host == "127.0.0.1"
    assert parse('host: ""').config.listening.host == ""


def test_a_key_of_digits_keeps_its_zeros() -> None:
    assert parse("api-keys: [0123, 1e5]").config.access.api_keys == (Secret("0123"), Secret("1e5"))


def test_older_providers_add_their_client_keys() -> None:
    loaded = parse(
        "api-keys: [a]\nauth:\n  providers:\n  - {name: n, type: config-api-key, api-keys: [b, a]}\n  - {type: ldap}\n"
    )
    assert loaded.config.access.api_keys == (Secret("a"), Secret("b"))
    assert [(warning.line, warning.key) for warning in loaded.warnings] == [(5, "auth.providers[].type")]


def test_the_keys_of_the_published_sample_open_nothing() -> None:
    loaded = parse("api-keys:\n  - your-api-key-1\n  - mine\n  - your-api-key-3\n")
    assert loaded.config.access.api_keys == (Secret("mine"),)
    assert [warning.key for warning in loaded.warnings] == ["api-keys"]


def test_a_header_copied_from_the_client_is_left_out_with_a_warning() -> None:
    loaded = parse("claude-api-key: [{api-key: k, headers: {X-A: $X-B, X-C: d}}]")
    assert loaded.config.claude_keys[0].headers == {"X-C": "d"}
    assert [warning.key for warning in loaded.warnings] == ["claude-api-key[].headers"]


def test_a_base_url_that_ends_in_v1_is_doubted() -> None:
    (warning,) = parse("claude-api-key: [{api-key: k, base-url: http://h/v1/}]").warnings
    assert warning.key == "claude-api-key[].base-url"


def test_an_alias_names_the_same_value_and_a_merge_fills_in() -> None:
    text = "claude-api-key:\n- &a {api-key: k, prefix: p}\n- <<: *a\n  api-key: other\n- *a\n"
    assert [(key.api_key.reveal(), key.prefix) for key in parse(text).config.claude_keys] == [
        ("k", "p"),
        ("other", "p"),
        ("k", "p"),
    ]


@pytest.mark.parametrize(
    ("written", "proxy"),
    [
        ("http://p", Proxy("http", "p", 80)),
        ("https://p/", Proxy("https", "p", 443)),
        ("socks5://[::1]:9", Proxy("socks5", "::1", 9)),
        ("HTTP://u@P:1", Proxy("http", "p", 1, Secret("u"))),
        ("direct", DIRECT),
        ("None", DIRECT),
    ],
)
def test_a_proxy_of_a_key(written: str, proxy: Proxy | str) -> None:
    assert key(f'proxy-url: "{written}"').proxy_url == proxy


def test_direct_is_no_proxy_for_all() -> None:
    assert parse("proxy-url: direct").config.proxy_url is None


@pytest.mark.parametrize(
    ("written", "size"),
    [("500 B", 500), ("16 KiB", 16384), ("16kb", 16000), ("2 MB", 2_000_000), ("1.5 MiB", 1_572_864), ("70000", 70000)],
)
def test_a_size(written: str, size: int) -> None:
    assert parse(f"stream-flush-size: {written}").config.streaming.flush_bytes == size


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("1h", 3600),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("90s", 90),
        ("250ms", 0.25),
        ("1d", 86_400),
        ("90", 90),
        ("2.5", 2.5),
    ],
)
def test_a_time_with_units_or_in_seconds(written: str, seconds: float) -> None:
    assert parse(f"routing: {{session-affinity-ttl: {written}}}").config.routing.session_affinity_seconds == seconds


def test_a_time_may_stand_in_quotes() -> None:
    assert parse('routing: {session-affinity-ttl: "30m"}').config.routing.session_affinity_seconds == 1800


@pytest.mark.parametrize(
    ("written", "strategy"),
    [
        ("quota-aware", "quota-aware"),
        ("Round-Robin", "round-robin"),
        ("rr", "round-robin"),
        ("weighted-round-robin", "weighted-round-robin"),
        ("weighted", "weighted-round-robin"),
        ("wrr", "weighted-round-robin"),
        ("fill-first", "fill-first"),
        ("ff", "fill-first"),
    ],
)
def test_a_strategy_by_any_of_its_names(written: str, strategy: str) -> None:
    assert parse(f"routing: {{strategy: {written}}}").config.routing.strategy == strategy


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_of_the_pool_can_be_chosen(strategy: str) -> None:
    assert parse(f"routing: {{strategy: {strategy}}}").config.routing.strategy == strategy


@pytest.mark.parametrize(("written", "seconds"), [("-1", 0), ("0", 60), ("300", 300)])
def test_the_rest_after_passing_trouble_is_none_for_minus_one_and_the_usual_for_zero(
    written: str, seconds: float
) -> None:
    retrying = parse(f"transient-error-cooldown-seconds: {written}").config.retrying
    assert retrying.transient_cooldown_seconds == seconds


def test_what_is_empty_stands_in_for_nothing() -> None:
    assert parse("fallbacks: {a: [b, '', b], c: }").config.retrying.fallbacks == {"a": ("b",), "c": ()}


def test_what_models_bear_is_read_as_it_stands() -> None:
    text = "translation: {strict: true, capabilities: {'my-*': {thinks: false, efforts: [low, high], budget: [1, 2]}}}"
    assert parse(text).config.translation == Translation(
        strict=True, capabilities={"my-*": {"thinks": False, "efforts": ["low", "high"], "budget": [1, 2]}}
    )


# -- what is not in use, or not known ------------------------------------------------------------------------------


def test_keys_not_in_use_are_named_once_in_the_order_of_the_file() -> None:
    text = """\
quota-exceeded: {switch-project: true}
claude-api-key:
- {api-key: a, websockets: true, models: [{name: m, thinking: {min: 1}}]}
- {api-key: b, websockets: false}
xai-api-key: [{api-key: z, anything: 1}]
ws-auth:
"""
    assert parse(text).not_in_use == (
        "quota-exceeded.switch-project",
        "claude-api-key[].websockets",
        "claude-api-key[].models[].thinking",
        "xai-api-key",
    )


def test_every_key_not_in_use_is_taken_without_a_warning() -> None:
    required = {
        **{f"{kind}-api-key[]": "api-key: k, " for kind in ("claude", "gemini", "vertex", "codex")},
        "openai-compatibility[]": "name: n, base-url: 'http://h', models: [{name: m}], ",
    }
    for name in (name for name, known in KEYS.items() if not known.in_use and name not in NEVER_IN_USE):
        if name.startswith("payload."):
            continue  # what has such a condition is left out, which a warning says
        section, _, own = name.rpartition(".")
        text = f"{own}: 1"
        while section:
            needed = "name: m, " if section.endswith("models[]") else required.get(section, "")
            if text.startswith("models:"):
                needed = needed.replace("models: [{name: m}], ", "")
            text = f"{{{needed}{text}}}"
            section, _, last = section.rpartition(".")
            text = f"{last[:-2]}: [{text}]" if last.endswith("[]") else f"{last}: {text}"
        loaded = parse(text)
        assert (loaded.warnings, loaded.not_in_use) == ((), (name,))


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("\napi_keys: [a]", Problem(2, "api_keys", "unknown key; nearest known is api-keys")),
        ("tls: {certs: a}", Problem(1, "tls.certs", "unknown key; nearest known is cert")),
        (
            "claude-api-key:\n- api-key: k\n  baseurl: http://h",
            Problem(3, "claude-api-key[].baseurl", "unknown key; nearest known is base-url"),
        ),
        ("qqqqqq: 1", Problem(1, "qqqqqq", "unknown key")),
    ],
)
def test_an_unknown_key_is_told_with_its_nearest(text: str, warning: Problem) -> None:
    assert parse(text).warnings == (warning,)


def test_a_secret_in_the_place_of_a_key_does_not_print() -> None:
    (warning,) = parse("sk-ant-api03-abcdefghijklmnopqrstuvwxyz: x").warnings
    assert warning.key == "sk-a…"


# -- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "port: 65536",
        "port: -1",
        "port: 80.5",
        'port: "80"',
        "port: .nan",
        "host: [a]",
        "host: http://a",
        "host: true",
        "debug: maybe",
        'debug: "true"',
        "api-keys: one",
        "api-keys: [[a]]",
        'api-keys: ["a\\nb"]',
        'api-keys: ["\\uD800"]',
        "request-retry: -1",
        "max-retry-credentials: -1",
        "max-retry-interval: -1",
        "max-cooldown-seconds: 0",
        "transient-error-cooldown-seconds: -2",
        "transient-error-cooldown-seconds: 0.5",
        "disable-cooling: 1",
        "hedge-after-ms: -1",
        "fallbacks: [a]",
        "fallbacks: {a: {b: c}}",
        "fallbacks: {a: [[b]]}",
        "fallbacks: {' ': [b]}",
        "routing: fill-first",
        "routing: {strategy: random}",
        "routing: {strategy: [fill-first]}",
        "routing: {session-affinity: perhaps}",
        "routing: {session-affinity-ttl: 0}",
        "routing: {session-affinity-ttl: -1h}",
        "routing: {session-affinity-ttl: an hour}",
        "routing: {session-affinity-ttl: 25h}",
        "routing: {max-concurrency: -1}",
        "routing: {queue-size: 1.5}",
        "routing: {queue-timeout-seconds: 0}",
        "force-model-prefix: perhaps",
        "state-dir: [a]",
        "idle-timeout-seconds: 0",
        "idle-timeout-seconds: -1",
        "idle-timeout-seconds: .inf",
        "idle-timeout-seconds: 30s",
        "connect-timeout-seconds: 86401",
        "body-limit: 10 potatoes",
        "body-limit: 1 B",
        "body-limit: -5",
        "streaming: 5",
        "streaming: {keepalive-seconds: -1}",
        "allowed-hosts: ['a:80']",
        "allowed-hosts: ['::1']",
        "allowed-origins: ['*']",
        "allowed-origins: ['null']",
        "allowed-origins: ['https://a/']",
        "allowed-origins: ['https://u@a']",
        "trusted-proxies: [10.0.0.1/8]",
        "trusted-proxies: [localhost]",
        "proxy-url: ftp://h",
        "proxy-url: socks5://",
        "proxy-url: http://h:0",
        "proxy-url: http://h:99999",
        "proxy-url: http://u:%ff@h",
        "proxy-url: http://[::1",
        "tls: {enable: true, cert: c}",
        "translation: {strict: perhaps}",
        "translation: {capabilities: [a]}",
        "translation: {capabilities: {a: 5}}",
        "translation: {capabilities: {a: [thinks]}}",
        "translation: {capabilities: {a: {budget: .inf}}}",
        "translation: {capabilities: {'': {}}}",
        "translation: {capabilities: {a: {efforts: [huge]}}}",
        "translation: {capabilities: {a: {is-clever: true}}}",
    ],
)
def test_an_unfit_value_is_one_problem_with_its_line_and_key(line: str) -> None:
    problem = only_problem(f"# first\n{line}\n")
    assert (problem.line, problem.key.split(".")[0]) == (2, line.split(":")[0])


@pytest.mark.parametrize(
    "field",
    [
        "base-url: ftp://h",
        "base-url: h.example",
        "base-url: 'https://u:p@h'",
        "base-url: 'https://h/?a'",
        "base-url: 'https://h/#a'",
        "base-url: 'https://h ost'",
        "base-url: 'https://h..x'",
        "auth-header: basic",
        "prefix: a/b",
        "headers: {'a b': c}",
        'headers: {a: "b\\r\\nc"}',
        'headers: {a: "b\\0"}',
        "headers: [a]",
        "models: [{alias: a}]",
        "models: [a]",
    ],
)
def test_an_unfit_field_of_a_key_is_one_problem(field: str) -> None:
    problem = only_problem(f"claude-api-key: [{{api-key: k, {field}}}]")
    assert problem.key.startswith(f"claude-api-key[].{field.split(':')[0]}")


@pytest.mark.parametrize(
    "entry", ["{prefix: a}", '{api-key: ""}', "{api-key: [a]}", "{api-key: 'a b'}", "{api-key: é}"]
)
def test_an_entry_without_a_fit_key_is_a_problem(entry: str) -> None:
    assert only_problem(f"claude-api-key: [{entry}]").key == "claude-api-key[].api-key"


def test_all_problems_are_told_in_the_order_of_their_lines() -> None:
    text = "debug: 5\nproxy-url: x\nport: a\nclaude-api-key:\n- base-url: y\n"
    assert [(problem.line, problem.key) for problem in problems(text)] == [
        (1, "debug"),
        (2, "proxy-url"),
        (3, "port"),
        (5, "claude-api-key[].api-key"),
        (5, "claude-api-key[].base-url"),
    ]


def test_a_wrong_kind_is_told_with_what_was_expected() -> None:
    assert only_problem("port: {a: b}").message == "expected a whole number from 0 to 65535, found a mapping"


def test_a_key_that_stands_twice_is_a_problem() -> None:
    assert only_problem("debug: true\nport: 1\ndebug: true\n") == Problem(
        3, "debug", "stands here again, first in line 1"
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [", 1),
        ("port: 1\n b: c: d", 2),
        ("api-keys:\n- *nowhere", 2),
        ("a: 1\n--- \nb: 2", 2),
        ("\t- a", 1),
        ("- a", 1),
        ("just text", 1),
    ],
)
def test_what_is_not_a_yaml_mapping_is_a_problem_with_its_line(text: str, line: int) -> None:
    assert only_problem(text).line == line


SECRET = "hunter2-hunter2"


@pytest.mark.parametrize(
    "text",
    [
        f"proxy-url: ftp://user:{SECRET}@h",
        f"proxy-url: http://user:{SECRET}@",
        f"proxy-url: http://user:{SECRET}#@h:1",
        f"claude-api-key: [{{api-key: [{SECRET}]}}]",
        f"claude-api-key: [{{api-key: k, base-url: 'http://u:{SECRET}@h'}}]",
        f"claude-api-key: [{{api-key: k, headers: {{'Authorization {SECRET}': x}}}}]",
        f'api-keys: ["{SECRET}\\n"]\nport: x',
        f"api-keys: {SECRET}",
        f"api-keys: *{SECRET}",
        f"api-keys: !{SECRET}!x y",
        f"api-keys: '{SECRET}",
        f"api-keys: {{? {SECRET}",
        f"port: {SECRET}",
        f"routing: {{strategy: {SECRET}}}",
        f"routing: {{session-affinity-ttl: {SECRET}}}",
        f"fallbacks: {{a: {{b: {SECRET}}}}}",
        f"logins: {{claude: {{client-secret: [{SECRET}]}}}}",
        f"logins: {{claude: {{{SECRET}: a}}}}",
        f"logins: {{{SECRET}: {{client-id: a}}}}",
        f"logins: {{claude: {{token-url: 'https://u:{SECRET}@h'}}}}",
    ],
)
def test_no_problem_repeats_a_value(text: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        parse(text)
    assert SECRET not in f"{caught.value!r} {caught.value} {caught.value.__cause__} {caught.value.problems}"


def test_a_loaded_configuration_does_not_print_its_secrets() -> None:
    text = f"""\
api-keys: [{SECRET}]
proxy-url: http://u:{SECRET}@h
claude-api-key: [{{api-key: {SECRET}, headers: {{X-Auth: {SECRET}}}}}]
"""
    assert SECRET not in repr(parse(text))


def test_a_problem_says_where_it_stands() -> None:
    assert Problem(3, "port", "wrong").at("c.yaml") == "c.yaml:3: port: wrong"
    assert Problem(None, "", "wrong").at("c.yaml") == "c.yaml: wrong"


# -- bounds --------------------------------------------------------------------------------------------------------


def test_aliases_of_aliases_are_counted_not_copied() -> None:
    models = ", ".join(["*m"] * 1000)
    entries = ", ".join(["*e"] * 1000)
    text = f"x: &m {{name: m}}\ny: &e {{api-key: k, models: [{models}]}}\nclaude-api-key: [{entries}]\n"
    assert str(MAX_VALUES) in problems(text)[-1].message


@pytest.mark.parametrize(
    "text", ["claude-api-key: &a [*a]", "tls: &a {<<: *a, key: *a}", "api-keys: &a {<<: [*a, *a]}"]
)
def test_an_alias_of_itself_comes_to_an_end(text: str) -> None:
    assert problems(text)


def test_deep_nesting_is_a_problem() -> None:
    assert only_problem("a: " + "[" * (MAX_DEPTH + 1)).line == 1


def test_endless_problems_are_cut() -> None:
    assert len(problems("api-keys:\n" + "- []\n" * 2 * MAX_PROBLEMS)) == MAX_PROBLEMS + 1


def test_endless_warnings_are_cut() -> None:
    assert len(parse("".join(f"zzz{count}: 1\n" for count in range(2 * MAX_PROBLEMS))).warnings) == MAX_PROBLEMS


# -- files ---------------------------------------------------------------------------------------------------------


def test_a_file_is_loaded_with_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"\xef\xbb\xbfport: 1\n")
    loaded = load(str(path))
    assert loaded.config.listening.port == 1
    assert len(loaded.digest) == 32


def unreadable(path: Path) -> str:
    with pytest.raises(ConfigUnreadable) as caught:
        load(str(path))
    return str(caught.value).replace(str(path), "FILE")


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    assert unreadable(tmp_path / "none.yaml") == "There is no file FILE."


def test_a_directory_is_said(tmp_path: Path) -> None:
    assert unreadable(tmp_path) == "FILE is a directory, not a file."


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert unreadable(tmp_path / "pipe") == "FILE is not a file."


def test_a_path_through_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert unreadable(tmp_path / "file" / "x") == "FILE cannot be read: Not a directory."


def test_a_name_that_no_file_can_have_is_said() -> None:
    assert unreadable(Path("a\0b")) == "FILE cannot be read: not a path."


def test_permission_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, flags: int) -> int:
        raise PermissionError(13, "Permission denied", path)

    path = tmp_path / "config.yaml"
    monkeypatch.setattr(os, "open", refuse)  # as root, under whom tests may run, every file can be read
    assert unreadable(path) == "FILE may not be read by this user."


def test_a_file_too_large_is_said(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    assert unreadable(path) == "FILE is larger than 4 MiB."


def test_bytes_that_are_not_utf8_are_said_with_their_line() -> None:
    with pytest.raises(ConfigUnreadable, match=r"^c\.yaml is not UTF-8 text, as line 2 shows\.$"):
        parse_bytes(b"port: 1\n\xff", "c.yaml")


# -- laws ----------------------------------------------------------------------------------------------------------

ODD = st.text(st.sampled_from("{}[]:,-?&*!|>'\"%@`# \n\t\\~<=01ae\x00\x85\ufeff\ud800é"), max_size=12)


def loads_or_is_invalid(text: str) -> None:
    with contextlib.suppress(ConfigInvalid):
        parse(text)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=60), ODD))
def test_any_text_loads_or_is_invalid(text: str) -> None:
    loads_or_is_invalid(text)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(FULL)), st.integers(0, 20), ODD), min_size=1, max_size=3))
def test_any_edit_of_a_sound_file_loads_or_is_invalid(edits: list[tuple[int, int, str]]) -> None:
    text = FULL
    for start, length, new in edits:
        text = text[:start] + new + text[start + length :]
    loads_or_is_invalid(text)


@settings(max_examples=100, deadline=None)
@given(
    name=st.sampled_from([name for name in KEYS if "[]" not in name]), value=st.one_of(st.integers(), st.floats(), ODD)
)
def test_any_value_of_any_key_loads_or_is_invalid(name: str, value: float | str) -> None:
    section, _, own = name.rpartition(".")
    loads_or_is_invalid(f"{section}:\n  {own}: {value}" if section else f"{own}: {value}")


def test_a_key_that_serves_to_disguise_is_warned_of() -> None:
    loaded = parse("claude-api-key:\n  - api-key: sk-1\n    cloak:\n      mode: auto\n")
    (warning,) = loaded.warnings
    assert (warning.line, warning.key) == (3, "claude-api-key[].cloak")
    assert "not made to look like another client's" in warning.message
    assert loaded.not_in_use == ()
