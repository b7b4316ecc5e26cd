"""The first configuration file: what it says, and how it is put on disk without overwriting or exposing anything."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Final

CLIENT_KEY_PREFIX: Final = "sk-cliproxy-"
"""Tells a person, and a scanner for leaked keys, what the key is for."""
CLIENT_KEY_BYTES: Final = 24
"""192 bits of chance: 32 letters."""

_TEMPLATE: Final = """\
# Configuration of cliproxy. All keys are described in docs/configuration.md.
# A change is heeded within seconds, but those marked (restart) at the next start.
# A key behind a # shows its default, or an example where there is none. Take the # away to set it.

# Keys that clients must show. This one was made for you.
api-keys:
  - {client_key}

# -- who serves ----------------------------------------------------------------
# API keys for Anthropic, or for any upstream that speaks Anthropic Messages.
#claude-api-key:
#  - api-key: sk-ant-api03-your-key
#    base-url: https://api.anthropic.com
#  - api-key: a-key-of-another-upstream
#    base-url: https://llm.example/anthropic
#    auth-header: bearer             # or x-api-key
#    prefix: other                   # clients ask for other/MODEL
#    proxy-url: direct               # not through the global proxy-url
#    headers:
#      X-Team: tools
#    models:                         # none given: every claude-* name
#      - name: name-at-the-upstream
#        alias: name-for-clients
#    excluded-models:
#      - "*-preview"
#    priority: 0                     # those of a lower one wait until this one is not well
#    weight: 1                       # share by weighted-round-robin
#    max-concurrency: 4              # requests at once
#    disable-cooling: false
# API keys for Gemini, for Vertex AI, and for OpenAI or any upstream that speaks OpenAI Responses. What may stand beside
# a key is the same as above, but for auth-header; so it is for the servers below.
#gemini-api-key:
#  - api-key: AIza-your-key
#vertex-api-key:
#  - api-key: your-key-of-google-cloud
#codex-api-key:
#  - api-key: sk-your-key
#    base-url: https://api.openai.com/v1
# Other servers with OpenAI's wire formats.
#openai-compatibility:
#  - name: openrouter
#    disabled: false
#    base-url: https://openrouter.ai/api/v1
#    wire-api: chat                  # or responses
#    api-key-entries:                # none: the server needs no key
#      - api-key: sk-or-your-key
#        proxy-url: direct
#    models:                         # nothing else is served
#      - name: name-at-the-server
#        alias: name-for-clients
# `cliproxy login` makes accounts. By type of account: another OAuth client or address (restart), exclusions, aliases.
#logins: {{}}
#oauth-excluded-models: {{}}
#oauth-model-alias: {{}}

# -- who is asked --------------------------------------------------------------
#routing:
#  strategy: quota-aware             # or round-robin, weighted-round-robin, fill-first
#  session-affinity: true            # a conversation stays where its prompt cache is
#  session-affinity-ttl: 1h
#  max-concurrency: 0                # requests at once for each credential; 0: any number
#  queue-size: 128                   # requests that wait when all are full
#  queue-timeout-seconds: 300
# true: clients must write the prefix of a credential that has one.
#force-model-prefix: false

# -- trouble -------------------------------------------------------------------
# After so long a resting credential is tried again, whatever an upstream asks for.
#max-cooldown-seconds: 600
# The rest after 408, 5xx or no answer; -1: none.
#transient-error-cooldown-seconds: 60
# true: no credential rests.
#disable-cooling: false
# Rounds over all credentials after the first, how many one round asks (0: all), and the longest wait between two.
#request-retry: 3
#max-retry-credentials: 0
#max-retry-interval: 30
# Silence after which a second credential is asked as well; 0: never.
#hedge-after-ms: 0
# Models for when nobody can serve one, such as {{claude-opus-5-5: [gpt-5.5]}}.
#fallbacks: {{}}

# -- where clients connect (restart) -------------------------------------------
# Only this machine can connect; "" means every interface.
#host: 127.0.0.1
#port: 8317
# HTTPS on that port. Give the files, in PEM, when enable is true.
#tls:
#  enable: false
#  cert: ""
#  key: ""
# The largest request; Anthropic takes 32 MB.
#body-limit: 32 MiB

# -- who is served -------------------------------------------------------------
# Names beside localhost by which clients may call the daemon.
#allowed-hosts: []
# Web origins whose pages may call, such as https://app.example.
#allowed-origins: []
# Reverse proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8.
#trusted-proxies: []

# -- the way out ---------------------------------------------------------------
# A proxy for all upstreams, such as socks5://user:password@127.0.0.1:1080.
#proxy-url: ""
# How long an upstream may take to connect, to begin its answer, to be silent in it.
#connect-timeout-seconds: 10
#first-byte-timeout-seconds: 600
#idle-timeout-seconds: 120

# -- the way back --------------------------------------------------------------
# Silence after which a stream gets a heartbeat, and is begun if it has not; 0: no heartbeat.
#streaming:
#  keepalive-seconds: 15
#stream-commit-seconds: 15
# The first bytes go at once; later ones gather for so long, or until so many.
#stream-flush-milliseconds: 10
#stream-flush-size: 16 KiB
# Responses over a WebSocket, which Codex tries first.
#responses-websocket: true

# -- between wire formats ------------------------------------------------------
#translation:
#  strict: false                     # true: refuse what a translation would leave out
#  capabilities: {{}}                  # what models bear: see the docs
# Fields of the bodies that go upstream, by path: set where there are none, set always, taken out.
#payload:
#  default:
#    - models:
#        - name: gemini-2.5-*
#          protocol: gemini
#      params:
#        generationConfig.thinkingConfig.thinkingBudget: 8192
#  default-raw: []                   # values are JSON written as text
#  override: []
#  override-raw: []
#  filter:
#    - models:
#        - name: "*-mini"
#      params:
#        - reasoning.effort

# -- Amp, and other routes -------------------------------------------------------
# Amp's own service for whatever is no model of yours ("": none); docs/clients/amp.md.
#ampcode:
#  upstream-url: https://ampcode.com
#  upstream-api-key: ""              # or AMP_API_KEY, or Amp's own file
#  upstream-api-keys:                # for some clients another
#    - upstream-api-key: sgamp_...
#      api-keys: [sk-cliproxy-of-somebody]
#  restrict-management-to-localhost: true
#  model-mappings:                   # where nobody here serves a model
#    - from: ^claude-haiku-
#      to: gpt-5.5-mini
#      regex: true
#  force-model-mappings: false
# Code of your own with further routes (restart).
#route-modules:
#  - path: my_package.routes.Hello
#    settings:
#      greeting: Hi

# -- the daemon ----------------------------------------------------------------
# Files of accounts, and what is remembered of all credentials ("": a directory in there); both (restart).
#auth-dir: ~/.cli-proxy-api
#state-dir: ""
# A log of each step.
#debug: false
# How long running requests may go on when the daemon is stopped.
#shutdown-grace-seconds: 30
"""


def new_client_key() -> str:
    """A key for a client: `sk-cliproxy-` and 32 random letters that need no quoting in URLs and shells."""
    return CLIENT_KEY_PREFIX + secrets.token_urlsafe(CLIENT_KEY_BYTES)


def fresh(client_key: str) -> str:
    """A configuration file that serves one client key and explains the rest in comments."""
    return _TEMPLATE.format(client_key=json.dumps(client_key))


def write_new(path: str, text: str) -> None:
    """Write a file that only its owner can read, in directories made alike.

    Raises `FileExistsError` if anything stands there already, be it a link to nowhere, and `OSError` when writing
    fails; then no part of the file is left.
    """
    _make_private(Path(path).absolute().parent)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        os.unlink(path)
        raise


def _make_private(directory: Path) -> None:
    # Path.mkdir(parents=True) would give its mode to the last directory alone.
    for missing in reversed([parent for parent in (directory, *directory.parents) if not parent.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
