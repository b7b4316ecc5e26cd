"""The human's windows into a running pool: `cliproxy status` and `cliproxy explain`."""

from __future__ import annotations

import json
import shutil
from typing import Final
from urllib.parse import quote

import click

from cliproxy.cli_config import config_option, load_config
from cliproxy.management.inquiry import NoAnswer, Told, ask
from cliproxy.management.pages import explanation_page, status_page
from cliproxy.management.shapes import Unreadable, read_explanation, read_status
from cliproxy.management.wording import plain
from cliproxy.store.place import socket_path

LEAST_WIDTH: Final = 80
MOST_WIDTH: Final = 120
"""Longer lines are hard to follow."""

_json = click.option("--json", "as_json", is_flag=True, help="What the daemon said, for programs.")


@click.command()
@config_option
@_json
@click.option("--all", "everything", is_flag=True, help="Every credential of a large pool.")
def status(path: str | None, as_json: bool, everything: bool) -> None:
    """Show the credentials, their windows and cooldowns, and who would be next."""
    told = _ask(path, "/status")
    try:
        shown = _reprinted(told) if as_json else status_page(read_status(told.content), _width(), everything=everything)
    except Unreadable as error:
        raise _not_understood(error) from None
    click.echo(shown)


@click.command()
@click.argument("request_id")
@config_option
@_json
def explain(request_id: str, path: str | None, as_json: bool) -> None:
    """Show why a request went where it did: each candidate, and why it was taken or not."""
    told = _ask(path, f"/explain/{quote(request_id, safe='', errors='replace')}")
    if told.status == 404:
        raise click.ClickException(
            f"The daemon remembers no request {plain(request_id, 100)}; of many, only the latest are kept."
        )
    try:
        shown = _reprinted(told) if as_json else explanation_page(read_explanation(told.content), _width())
    except Unreadable as error:
        raise _not_understood(error) from None
    click.echo(shown)


def _ask(path: str | None, what: str) -> Told:
    config = load_config(path).config
    try:
        told = ask(socket_path(config), what)
    except NoAnswer as error:
        raise click.ClickException(str(error)) from None
    if told.status == 403:
        raise click.ClickException("The daemon is another user's; ask as that user, or as root.")
    if told.status not in (200, 404):
        raise click.ClickException(f"The daemon answered with status {told.status}; its log may have the reason.")
    return told


def _reprinted(told: Told) -> str:
    """In ASCII, so that nothing in it reaches the terminal that could be obeyed. Raises `Unreadable`."""
    try:
        return json.dumps(json.loads(told.content), indent=2)
    except (ValueError, RecursionError) as error:
        raise Unreadable(str(error)) from None


def _not_understood(error: Unreadable) -> click.ClickException:
    return click.ClickException(
        f"The daemon's answer cannot be understood ({plain(str(error), 200)}); is it of another version?"
    )


def _width() -> int:
    return max(LEAST_WIDTH, min(MOST_WIDTH, shutil.get_terminal_size().columns))
