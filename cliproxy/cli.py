"""The human's verbs: `cliproxy run`, `init`, `check`, `login`, `logins`, `status`, `explain`, `connect`, `demo`,
`version`."""

from __future__ import annotations

import sys

import click

from cliproxy import __version__
from cliproxy.cli_config import DEFAULT_CONFIG
from cliproxy.cli_connect import connect
from cliproxy.cli_logins import login, logins
from cliproxy.cli_pool import explain, status
from cliproxy.config.auth_dir import remarks
from cliproxy.config.loader import ConfigInvalid, ConfigUnreadable, load
from cliproxy.config.template import fresh, new_client_key, write_new
from cliproxy.demo.settings import FAULTS, DemoSettings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """One endpoint for every coding CLI and SDK, served from the keys and accounts you hold."""


@main.command()
@click.option("--config", "-c", "path", type=click.Path(), help="The configuration file.")
@click.option("--listen", multiple=True, metavar="ENDPOINT", help="A Twisted endpoint; may be given more than once.")
@click.option("--demo", is_flag=True, help="Let the built-in demo upstream serve too.")
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
def run(path: str | None, listen: tuple[str, ...], demo: bool, log_format: str) -> None:
    """Run the daemon in the foreground; the log goes to stderr."""
    from cliproxy.tap import run_program

    run_program(path, list(listen), demo, log_format)


@main.command()
@click.argument("path", type=click.Path(), default=DEFAULT_CONFIG)
def init(path: str) -> None:
    """Write a commented configuration with a fresh client key; never over a file that is there."""
    try:
        write_new(path, fresh(new_client_key()))
    except FileExistsError:
        raise click.ClickException(f"{path} is there already; it was not touched.") from None
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}.") from None
    click.echo(f"{path} is written, readable by you alone. Next: cliproxy run --config {path}")


@main.command()
@click.argument("path", type=click.Path())
def check(path: str) -> None:
    """Say everything that is wrong with a configuration; exit 1 if anything is."""
    try:
        loaded = load(path)
    except ConfigUnreadable as error:
        raise click.ClickException(str(error)) from None
    except ConfigInvalid as error:
        for problem in error.problems:
            click.echo(problem.at(path))
        sys.exit(1)
    for problem in loaded.warnings:
        click.echo(f"warning: {problem.at(path)}")
    for remark in remarks(loaded.config.auth_dir):
        click.echo(f"warning: {remark}")
    if loaded.not_in_use:
        click.echo(f"accepted, but not in use yet: {', '.join(loaded.not_in_use)}")
    click.echo(f"{path} is sound.")


@main.command()
@click.option("--listen", default="tcp:8318:interface=127.0.0.1", show_default=True, metavar="ENDPOINT")
@click.option("--deltas", default=DemoSettings().deltas, show_default=True, help="Text deltas of a streamed reply.")
@click.option("--delta-pause-ms", default=0.0, help="Silence before each delta.")
@click.option("--stamp", is_flag=True, help="Begin each delta with the monotonic time, for measuring.")
@click.option("--fault", type=click.Choice(FAULTS), help="Misbehave; docs/demo.md tells how.")
@click.option("--fault-count", type=click.IntRange(min=0), help="How many requests get the fault; all by default.")
def demo(
    listen: str, deltas: int, delta_pause_ms: float, stamp: bool, fault: str | None, fault_count: int | None
) -> None:
    """Run the demo upstream on its own: all four wire formats, answered from a script."""
    from cliproxy.tap import run_demo

    try:
        settings = DemoSettings(
            deltas=deltas,
            delta_pause_seconds=delta_pause_ms / 1000,
            stamp=stamp,
            fault=fault or "",
            fault_count=fault_count,
        )
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    run_demo(listen, settings)


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(__version__)


for _verb in (login, logins, status, explain, connect):
    main.add_command(_verb)
