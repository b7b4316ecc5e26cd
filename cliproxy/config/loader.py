"""From the configuration file to `Config`: every fault is told, and then all of the file holds or none of it."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import Final

import attrs

from cliproxy.config.addresses import (
    host_name,
    listening_host,
    network,
    origin,
    proxy_or_none,
)
from cliproxy.config.amp import amp, route_modules
from cliproxy.config.document import Document, Section, compose
from cliproxy.config.logins import logins
from cliproxy.config.payload import payload
from cliproxy.config.problems import ConfigInvalid, ConfigUnreadable, Findings, Problem
from cliproxy.config.readers import (
    duration,
    number,
    of_text,
    once,
    own_name,
    secret,
    size,
    strategy,
    text,
    texts,
    truth,
    whole,
)
from cliproxy.config.schema import (
    KIB,
    MIB,
    Access,
    Config,
    Listening,
    Retrying,
    Routing,
    Streaming,
    Timeouts,
    Tls,
    Translation,
)
from cliproxy.config.upstreams import (
    MAX_CONCURRENCY,
    claude_keys,
    codex_keys,
    gemini_keys,
    openai_compatibility,
    vertex_keys,
)
from cliproxy.secret import Secret
from cliproxy.shaping.table import read_entries

__all__ = ["ConfigInvalid", "ConfigUnreadable", "Loaded", "Problem", "load", "parse", "parse_bytes", "read_bytes"]

MAX_FILE_BYTES: Final = 4 * MIB
"""A thousand times a usual file. The parser needs about 15 s for a MiB."""
MAX_SECONDS: Final = 86_400
"""A day. Longer is meant to be never, which no timeout should be."""
MAX_FLUSH_MILLISECONDS: Final = 1000
"""Beyond a second a stream is no stream."""
MAX_FLUSH_BYTES: Final = 16 * MIB
MAX_BODY_BYTES: Final = 1024 * MIB
"""Bodies are held in memory."""
MAX_RETRIES: Final = 100
MAX_CREDENTIALS: Final = 100_000
MAX_QUEUE: Final = 100_000

PUBLIC_KEYS: Final = frozenset(Secret(f"your-api-key-{digit}") for digit in (1, 2, 3))
"""Client keys of the original's sample file. Anyone knows them, so they open nothing."""

_SECONDS: Final = number(MAX_SECONDS, zero=False)
_SECONDS_OR_NONE: Final = number(MAX_SECONDS, zero=True)


@attrs.frozen
class Loaded:
    """A file that holds: what it says, what is doubtful in it, and which of its keys have no effect."""

    config: Config
    warnings: tuple[Problem, ...] = ()
    not_in_use: tuple[str, ...] = ()
    """Dotted names, each once, in the order of the file."""
    digest: bytes = attrs.field(default=b"", repr=False)
    """SHA-256 of the file's bytes, by which a later reading knows whether anything has changed."""


def load(path: str) -> Loaded:
    """Read a file. Raises `ConfigUnreadable` or `ConfigInvalid`."""
    return parse_bytes(read_bytes(path), path)


def read_bytes(path: str) -> bytes:
    """The bytes of a regular file. Raises `ConfigUnreadable`, also for one over `MAX_FILE_BYTES`."""
    try:
        # Without O_NONBLOCK the opening of a pipe would wait for its writer.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ConfigUnreadable(f"{path} is not a file.")
            content = file.read(MAX_FILE_BYTES + 1)
    except IsADirectoryError:
        raise ConfigUnreadable(f"{path} is a directory, not a file.") from None
    except FileNotFoundError:
        raise ConfigUnreadable(f"There is no file {path}.") from None
    except PermissionError:
        raise ConfigUnreadable(f"{path} may not be read by this user.") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise ConfigUnreadable(f"{path} cannot be read: {reason or 'not a path'}.") from None
    if len(content) > MAX_FILE_BYTES:
        raise ConfigUnreadable(f"{path} is larger than {MAX_FILE_BYTES // MIB} MiB.")
    return content


def parse_bytes(content: bytes, path: str) -> Loaded:
    """The bytes of a file as configuration. Raises `ConfigUnreadable` (not UTF-8; names `path`) or `ConfigInvalid`."""
    try:
        written = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigUnreadable(f"{path} is not UTF-8 text, as line {line} shows.") from None
    return attrs.evolve(parse(written), digest=hashlib.sha256(content).digest())


def parse(text: str) -> Loaded:
    """The text of a file as configuration. Raises `ConfigInvalid` with all its problems."""
    findings = Findings()
    config = _config(Document(compose(text), findings).root)
    findings.raise_problems()
    return Loaded(config, findings.warnings, findings.unused_keys)


# -- the sections, as in schema.py ---------------------------------------------------------------------------------


def _config(file: Section) -> Config:
    plain = Config()
    return Config(
        listening=_listening(file),
        access=_access(file),
        claude_keys=claude_keys(file),
        gemini_keys=gemini_keys(file),
        vertex_keys=vertex_keys(file),
        codex_keys=codex_keys(file),
        openai_compatibility=openai_compatibility(file),
        proxy_url=file.value("proxy-url", of_text(proxy_or_none), None),
        timeouts=_timeouts(file),
        streaming=_streaming(file),
        retrying=_retrying(file),
        routing=_routing(file, file.section("routing")),
        logins=logins(file),
        payload=payload(file),
        translation=_translation(file.section("translation")),
        amp=amp(file),
        route_modules=route_modules(file),
        responses_websocket=file.value("responses-websocket", truth, plain.responses_websocket),
        auth_dir=file.value("auth-dir", text, plain.auth_dir),
        state_dir=file.value("state-dir", text, plain.state_dir),
        debug=file.value("debug", truth, plain.debug),
        shutdown_grace_seconds=file.value("shutdown-grace-seconds", _SECONDS_OR_NONE, plain.shutdown_grace_seconds),
    )


def _listening(file: Section) -> Listening:
    plain = Listening()
    return Listening(
        host=file.value("host", of_text(listening_host), plain.host, empty=""),
        port=file.value("port", whole(0, 65535), plain.port),
        tls=_tls(file.section("tls")),
        body_limit_bytes=file.value("body-limit", size(KIB, MAX_BODY_BYTES), plain.body_limit_bytes),
    )


def _tls(section: Section) -> Tls:
    tls = Tls(
        enable=section.value("enable", truth, False),
        cert=section.value("cert", text, ""),
        key=section.value("key", text, ""),
    )
    for name, file in (("cert", tls.cert), ("key", tls.key)):
        if tls.enable and not file:
            section.problem(name, "needed when tls.enable is true")
    return tls


def _access(file: Section) -> Access:
    return Access(
        api_keys=_client_keys(file),
        allowed_hosts=once(file.values("allowed-hosts", of_text(host_name))),
        allowed_origins=once(file.values("allowed-origins", of_text(origin))),
        trusted_proxies=once(file.values("trusted-proxies", of_text(network))),
    )


def _client_keys(file: Section) -> tuple[Secret, ...]:
    keys = [*_without_public(file, "api-keys")]
    for provider in file.section("auth").entries("providers"):
        if provider.value("type", text, "config-api-key") == "config-api-key":
            keys += _without_public(provider, "api-keys")
        else:
            provider.warning("type", "only config-api-key is known; this provider is left out")
    return tuple(dict.fromkeys(keys))


def _without_public(section: Section, name: str) -> list[Secret]:
    keys = section.values(name, secret)
    if not PUBLIC_KEYS.isdisjoint(keys):
        section.warning(
            name, "a key of the published sample file opens nothing and is left out; choose one of your own"
        )
    return [key for key in keys if key not in PUBLIC_KEYS]


def _timeouts(file: Section) -> Timeouts:
    plain = Timeouts()
    return Timeouts(
        connect_seconds=file.value("connect-timeout-seconds", _SECONDS, plain.connect_seconds),
        first_byte_seconds=file.value("first-byte-timeout-seconds", _SECONDS, plain.first_byte_seconds),
        idle_seconds=file.value("idle-timeout-seconds", _SECONDS, plain.idle_seconds),
    )


def _streaming(file: Section) -> Streaming:
    plain = Streaming()
    milliseconds = number(MAX_FLUSH_MILLISECONDS, zero=True)
    keepalive = file.section("streaming").value("keepalive-seconds", _SECONDS_OR_NONE, plain.keepalive_seconds)
    return Streaming(
        flush_seconds=file.value("stream-flush-milliseconds", milliseconds, plain.flush_seconds * 1000) / 1000,
        flush_bytes=file.value("stream-flush-size", size(1, MAX_FLUSH_BYTES), plain.flush_bytes),
        keepalive_seconds=keepalive,
        commit_seconds=file.value("stream-commit-seconds", _SECONDS, plain.commit_seconds),
    )


def _retrying(file: Section) -> Retrying:
    plain = Retrying()
    transient = file.value("transient-error-cooldown-seconds", whole(-1, MAX_SECONDS), 0)
    return Retrying(
        request_retry=file.value("request-retry", whole(0, MAX_RETRIES), plain.request_retry),
        max_retry_credentials=file.value("max-retry-credentials", whole(0, MAX_CREDENTIALS), 0),
        max_retry_interval_seconds=file.value("max-retry-interval", _SECONDS_OR_NONE, plain.max_retry_interval_seconds),
        max_cooldown_seconds=file.value("max-cooldown-seconds", _SECONDS, plain.max_cooldown_seconds),
        transient_cooldown_seconds=max(0, transient) if transient else plain.transient_cooldown_seconds,
        disable_cooling=file.value("disable-cooling", truth, plain.disable_cooling),
        hedge_seconds=file.value("hedge-after-ms", number(MAX_SECONDS * 1000, zero=True), 0.0) / 1000,
        fallbacks=file.mapping("fallbacks", own_name, texts),
    )


def _routing(file: Section, section: Section) -> Routing:
    plain = Routing()
    return Routing(
        strategy=section.value("strategy", of_text(strategy), plain.strategy),
        session_affinity=section.value("session-affinity", truth, plain.session_affinity),
        session_affinity_seconds=section.value(
            "session-affinity-ttl", duration(MAX_SECONDS), plain.session_affinity_seconds
        ),
        max_concurrency=section.value("max-concurrency", whole(0, MAX_CONCURRENCY), plain.max_concurrency),
        queue_size=section.value("queue-size", whole(0, MAX_QUEUE), plain.queue_size),
        queue_seconds=section.value("queue-timeout-seconds", _SECONDS, plain.queue_seconds),
        force_model_prefix=file.value("force-model-prefix", truth, plain.force_model_prefix),
    )


def _translation(section: Section) -> Translation:
    capabilities = section.mapping("capabilities", own_name, section.json_object)
    try:
        read_entries(capabilities)
    except ValueError as error:
        section.problem("capabilities", str(error))
    return Translation(section.value("strict", truth, Translation().strict), capabilities)
