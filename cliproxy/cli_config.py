"""The configuration that a verb goes by: the one named, else the one that lies here, else the defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from cliproxy.config.loader import ConfigInvalid, ConfigUnreadable, Loaded, load, parse

DEFAULT_CONFIG: Final = "config.yaml"

config_option: Final = click.option(
    "--config",
    "-c",
    "path",
    type=click.Path(),
    help=f"The daemon's configuration file; by default {DEFAULT_CONFIG}, if there is one here.",
)


def load_config(path: str | None) -> Loaded:
    """Read it. Raises `click.ClickException`, with the first thing that is wrong."""
    try:
        if path is None and not Path(DEFAULT_CONFIG).exists():
            return parse("")
        return load(path or DEFAULT_CONFIG)
    except ConfigUnreadable as error:
        raise click.ClickException(str(error)) from None
    except ConfigInvalid as error:
        place = path or DEFAULT_CONFIG
        raise click.ClickException(
            f"{error.problems[0].at(place)} (`cliproxy check {place}` shows all that is wrong)"
        ) from None
