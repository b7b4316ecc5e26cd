"""The human's verbs for accounts: `cliproxy login PROVIDER`, and `cliproxy logins` to list, renew and remove them.

Rooms and the reactor are imported when a verb runs: `cliproxy --help` must not wait for them.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import attrs
import click

from cliproxy.cli_config import config_option, load_config

if TYPE_CHECKING:
    from twisted.internet.base import ReactorBase
    from twisted.internet.defer import Deferred

    from cliproxy.config.schema import Proxy
    from cliproxy.logins.console import Console
    from cliproxy.logins.login import Login
    from cliproxy.logins.providers import LoginType

PROVIDERS = ("claude", "codex", "gemini", "kimi", "vertex", "xai")
"""As in `LOGIN_TYPES`, which is not imported for it."""


@click.command()
@click.argument("provider", type=click.Choice(PROVIDERS))
@click.argument("file", type=click.Path(), required=False)
@config_option
@click.option("--device", is_flag=True, help="Type a code on another device, instead of coming back from a browser.")
@click.option("--no-browser", is_flag=True, help="Accepted and without effect: no browser is ever opened.")
@click.option(
    "--callback-port", type=click.IntRange(1, 65535), help="Listen at this port for the browser to come back."
)
@click.option("--adopt", is_flag=True, help="Use the account that the provider's own CLI is logged in to.")
@click.option("--location", default="", help="vertex: Google's region; us-central1 if none is given.")
@click.option("--prefix", default="", help="vertex: the account's models are called PREFIX/model.")
@click.option("--project-id", default="", help="gemini: the Google Cloud project to use.")
def login(
    provider: str,
    file: str | None,
    path: str | None,
    device: bool,
    no_browser: bool,
    callback_port: int | None,
    adopt: bool,
    location: str,
    prefix: str,
    project_id: str,
) -> None:
    """Log in to an account of PROVIDER. FILE is for vertex: the key file of a service account."""
    settings = _settings(path)
    if provider == "vertex":
        _import(settings.directory, file, location, prefix)
        return
    if file is not None or location or prefix:
        raise click.UsageError("FILE, --location and --prefix are for vertex.")
    if adopt:
        _adopt(settings.directory, provider)
        return
    row = settings.types()[provider]
    _run(settings, lambda console: console.log_in(row, device=device, port=callback_port, project=project_id))


@click.group(invoke_without_command=True)
@config_option
@click.pass_context
def logins(context: click.Context, path: str | None) -> None:
    """The accounts that are logged in to; without a verb, their list."""
    context.obj = path
    if context.invoked_subcommand is None:
        _list(path)


@logins.command("list")
@click.pass_obj
def list_(path: str | None) -> None:
    """Show each account, and how it is."""
    _list(path)


@logins.command()
@click.argument("name")
@click.pass_obj
def refresh(path: str | None, name: str) -> None:
    """Renew the tokens of the account NAME now."""
    settings = _settings(path)
    types = settings.types()
    _run(settings, lambda console: console.renew(_file(name), types))


@logins.command()
@click.argument("name")
@click.pass_obj
def remove(path: str | None, name: str) -> None:
    """Take the file of the account NAME away. At the provider its tokens live on until they end."""
    from cliproxy.logins.files import FileUnusable
    from cliproxy.logins.files import remove as remove_file

    directory = _settings(path).directory
    try:
        removed = remove_file(directory, _file(name))
    except (FileUnusable, OSError) as error:
        raise click.ClickException(f"{name} cannot be removed: {_why(error)}.") from None
    if not removed:
        raise click.ClickException(f"There is no account {_file(name)} in {directory}.")
    click.echo(f"{_file(name)} is removed. To end its tokens at once, log out in the account's settings too.")


# -- the verbs without a reactor ------------------------------------------------------------------------------------


def _import(directory: Path, file: str | None, location: str, prefix: str) -> None:
    if file is None:
        raise click.UsageError("Name the key file: cliproxy login vertex FILE [--location L] [--prefix P]")
    from cliproxy.logins.files import FileUnusable, save
    from cliproxy.logins.identity import file_name
    from cliproxy.logins.service_account import MAX_FILE_BYTES, read_service_account
    from cliproxy.logins.tokens import LoginFailed

    try:
        with open(file, "rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
        fields = read_service_account(content, location, prefix)
        name = file_name("vertex", fields, time.time())
        save(directory, name, fields)
    except LoginFailed as failed:
        raise click.ClickException(str(failed)) from None
    except (FileUnusable, OSError) as error:
        raise click.ClickException(f"{file} could not be made an account: {_why(error)}.") from None
    click.echo(f"{fields['project_id']} is in {directory / name}")


def _adopt(directory: Path, provider: str) -> None:
    from cliproxy.logins.adopt import adopt, default_source
    from cliproxy.logins.files import FileUnusable

    try:
        source = default_source(provider, os.environ)
        name = adopt(provider, source, directory)
    except (FileUnusable, OSError) as error:
        raise click.ClickException(f"{_capital(_why(error))}.") from None
    click.echo(f"{source} is used from now on, by way of {directory / name}; renewed tokens are written back to it.")


def _list(path: str | None) -> None:
    from cliproxy.logins.files import FileUnusable, load_all

    directory = _settings(path).directory
    try:
        loaded = load_all(directory)
    except FileUnusable as unusable:
        raise click.ClickException(f"{unusable}.") from None
    if not loaded.logins and not loaded.problems:
        click.echo(f"No account is in {directory}. Next: cliproxy login PROVIDER")
    now = time.time()
    rows = [(account.name, account.type, account.label, state_of(account, now)) for account in loaded.logins]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    for row in rows:
        click.echo("  ".join((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3])))
    for name, problem in loaded.problems.items():
        click.echo(f"{name}: not used, for {problem}", err=True)


def state_of(account: Login, now: float) -> str:
    """How an account is, in some words."""
    if account.disabled:
        return "disabled"
    if account.needs_login:
        return "needs login"
    if account.service_account:
        return "key file"
    if not account.access_token and not account.refresh_token:
        return "has no token"
    if account.expired is None:
        return "ready"
    left = account.expired - now
    if left > 0:
        return f"ready, its token ends in {_span(left)}"
    return "is renewed when it is used" if account.refresh_token else "has ended"


def _span(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


# -- what they have in common ---------------------------------------------------------------------------------------


@attrs.frozen
class Settings:
    """What the verbs need of the configuration."""

    directory: Path
    proxy: Proxy | None
    overrides: Mapping[str, Mapping[str, object]] = attrs.field(repr=False)

    def types(self) -> Mapping[str, LoginType]:
        """The table of logins, as configured."""
        from cliproxy.logins.providers import with_overrides

        try:
            return with_overrides(self.overrides)
        except ValueError as error:
            raise click.ClickException(f"{_capital(str(error))}.") from None


def _settings(path: str | None) -> Settings:
    config = load_config(path).config
    return Settings(Path(config.auth_dir).expanduser(), config.proxy_url, config.logins.overrides)


def _file(name: str) -> str:
    """An account's file; the ending may be left out."""
    return name if name.endswith(".json") else f"{name}.json"


def _why(error: Exception) -> str:
    return error.strerror or "it failed" if isinstance(error, OSError) else str(error)


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _run(settings: Settings, verb: Callable[[Console], Coroutine[Deferred[object], object, None]]) -> NoReturn:
    """Run a verb on the reactor to its end. Exit status 0, 1 with one line, or 130 if it was interrupted."""
    from twisted.internet.task import react

    from cliproxy.logins.console import Console, ended

    def main(reactor: ReactorBase) -> Deferred[None]:
        descriptor = sys.stdin.fileno() if sys.stdin is not None else None
        console = Console(reactor, settings.directory, settings.proxy or "direct", click.echo, os.environ, descriptor)
        return ended(reactor, lambda: verb(console), lambda line: click.echo(f"Error: {line}", err=True))

    react(main)
