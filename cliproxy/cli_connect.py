"""`cliproxy connect`: a client's settings for this daemon, shown or put into the client's own files."""

from __future__ import annotations

import ipaddress
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cliproxy.cli_config import DEFAULT_CONFIG, config_option, load_config
from cliproxy.config.addresses import base_url
from cliproxy.config.readers import Unfit
from cliproxy.secret import Secret

if TYPE_CHECKING:
    from cliproxy.config.loader import Loaded
    from cliproxy.config.schema import Access, Listening
    from cliproxy.connect.settings import Client, Daemon, Home, Setup

NAMES: Final = (
    "claude",
    "codex",
    "gemini",
    "amp",
    "droid",
    "opencode",
    "qwen",
    "copilot",
    "cline",
    "aider",
    "cursor",
    "sdk",
)
"""As in `CLIENTS`, which is not imported for it."""
NO_KEY: Final = "none-needed"
"""Clients will not start without a key, and a daemon without `api-keys` takes any from this machine."""
_LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")


@click.command()
@click.argument("client", type=click.Choice(NAMES), required=False)
@config_option
@click.option("--url", help="The daemon's address, if it is not the configured one.")
@click.option("--key", help="A client key; by default CLIPROXY_KEY if it fits, else the first configured.")
@click.option("--model", help="The model that the client is set to; by default one that the daemon serves.")
@click.option("--write", is_flag=True, help="Put the settings into the client's own files.")
@click.option("--hide-key", is_flag=True, help="Show $CLIPROXY_KEY in the place of the key.")
def connect(
    client: str | None,
    path: str | None,
    url: str | None,
    key: str | None,
    model: str | None,
    write: bool,
    hide_key: bool,
) -> None:
    """Show what CLIENT must be told to use this daemon, or, with --write, tell it. Without CLIENT, list all."""
    from cliproxy.connect import page
    from cliproxy.connect.settings import HIDDEN_KEY, Home
    from cliproxy.connect.table import CLIENTS

    if client is None:
        click.echo(page.client_list(CLIENTS.values()))
        return
    chosen = CLIENTS[client]
    home = Home(Path.home(), os.environ)
    daemon, heard = _daemon(chosen, load_config(path), url, key, model)
    shown = chosen.setup(_with_key(daemon, HIDDEN_KEY) if hide_key else daemon, home)
    if write:
        click.echo("\n\n".join(_write(chosen, chosen.setup(daemon, home), shown, home)))
    else:
        click.echo(page.settings_page(chosen, shown, home.directory))
    unread = path is None and url is None and not Path(DEFAULT_CONFIG).exists()
    for remark in _remarks(chosen, daemon, home, heard=heard or model is not None, unread=unread):
        click.echo(f"Note: {remark}", err=True)
    if write and not shown.files:
        click.echo(f"Error: nothing was written; {chosen.title} can be told by {chosen.where}.", err=True)
        sys.exit(1)


# -- what the daemon is ------------------------------------------------------------------------------------------------


def _daemon(client: Client, loaded: Loaded, url: str | None, key: str | None, model: str | None) -> tuple[Daemon, bool]:
    """The daemon, and whether it was heard."""
    from cliproxy.connect.choice import best, small
    from cliproxy.connect.listing import is_name, served
    from cliproxy.connect.settings import Daemon

    config = loaded.config
    address = _address(url) if url else _own_address(config.listening)
    secret = _key(key, config.access, elsewhere=url is not None)
    if model is not None and not is_name(model):
        raise click.UsageError("--model is no model's name.")
    models = served(address, secret)
    name = model or best(models, client.prefers) or client.usual
    return Daemon(address, secret, name, small(models, name), config.responses_websocket), bool(models)


def _with_key(daemon: Daemon, key: str) -> Daemon:
    import attrs

    return attrs.evolve(daemon, key=Secret(key))


def _address(url: str) -> str:
    try:
        return base_url(url).removesuffix("/v1")
    except Unfit as error:
        raise click.UsageError(f"--url: {error}") from None


def _own_address(listening: Listening) -> str:
    host = _reachable(listening.host.strip("[]"))
    scheme = "https" if listening.tls.enable else "http"
    if not listening.port:
        raise click.UsageError("The configured port is 0, any that is free; say with --url which it was.")
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{listening.port}"


def _reachable(host: str) -> str:
    """Where a daemon that listens on every interface is found from this machine."""
    try:
        everywhere = not host or ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return host
    return ("::1" if ":" in host else "127.0.0.1") if everywhere else host


def _key(key: str | None, access: Access, *, elsewhere: bool) -> Secret:
    from cliproxy.connect.settings import KEY_VARIABLE

    if key is None:
        exported = Secret(os.environ.get(KEY_VARIABLE, ""))
        # One that was exported for Codex long ago may have been replaced in the configuration since.
        if exported and (elsewhere or not access.api_keys or exported in access.api_keys):
            key = exported.reveal()
        else:
            return access.api_keys[0] if access.api_keys else Secret(NO_KEY)
    if not key.isascii() or not key.isprintable() or " " in key or not key:
        raise click.UsageError("The key is none: it is empty, or holds a blank or a letter beyond ASCII.")
    return Secret(key)


def _remarks(client: Client, daemon: Daemon, home: Home, *, heard: bool, unread: bool) -> list[str]:
    """What may stand in the way. `unread`: no configuration was there to be read."""
    remarks = []
    loopback = daemon.url.partition("://")[2].rpartition(":")[0] in _LOOPBACK
    if daemon.key == Secret(NO_KEY) and unread:
        remarks.append(
            f"no {DEFAULT_CONFIG} is here, so {NO_KEY} stands in the key's place; name the daemon's configuration with"
            " --config, or its key with --key, if it asks for one."
        )
    elif daemon.key == Secret(NO_KEY):
        remarks.append(
            f"no api-keys are configured, so {NO_KEY} stands in the key's place; programs on this machine need none."
            if loopback
            else f"no key is known, so {NO_KEY} stands in its place; give one with --key."
        )
    if not heard and client.usual:
        remarks.append(
            f"no daemon tells at {daemon.url} what it serves; {daemon.model} is a guess. Choose with --model."
        )
    if not loopback and daemon.url.startswith("http:"):
        remarks.append("the address is no https: the key goes over the network for everybody on the way to read.")
    overruling = [name for name in client.overruled_by if home.variables.get(name)]
    if overruling:
        remarks.append(f"{', '.join(overruling)} in the environment may count for more than what is said here.")
    return remarks


# -- what is done ------------------------------------------------------------------------------------------------------


def _write(client: Client, setup: Setup, shown: Setup, home: Home) -> list[str]:
    """Write all files, or, if one of them cannot be read, none. What has become of them, and what is left to do."""
    from cliproxy.connect import page
    from cliproxy.connect.files import Refused, carry_out, plan

    told: list[str] = []
    try:
        plans = [plan(file) for file in setup.files]
        for planned in plans:
            done = carry_out(planned, time.time()) if planned.changes else None
            told.append(page.written_page(planned, done, home.directory))
    except Refused as refused:
        for line in told:
            click.echo(line)
        raise click.ClickException(
            f"{refused}\nPut the settings in by hand: `cliproxy connect {client.name}` shows them."
        ) from None
    return [*told, *page.rest(client, shown)]
