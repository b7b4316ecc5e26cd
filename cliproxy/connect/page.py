"""What a person at the terminal is shown."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from cliproxy.connect.files import Done, Plan
from cliproxy.connect.merge import merge
from cliproxy.connect.settings import HIDDEN_KEY, Client, File, Setup
from cliproxy.connect.texts import written


def client_list(clients: Iterable[Client]) -> str:
    """Every client, and where its settings go."""
    rows = [(client.name, client.title, client.where) for client in clients]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"  {name.ljust(widths[0])}  {title.ljust(widths[1])}  {where}" for name, title, where in rows]
    return "\n".join(
        (
            "Clients, and where their settings go:",
            *lines,
            "",
            "`cliproxy connect CLIENT` shows the settings, `cliproxy connect CLIENT --write` puts them there.",
        )
    )


def settings_page(client: Client, setup: Setup, home: Path) -> str:
    """The settings as they are to be, for a file that has none yet."""
    blocks = [f"{short(file.place, home)}\n{_indented(_content(file))}" for file in setup.files]
    return "\n\n".join((*blocks, *rest(client, setup)))


def rest(client: Client, setup: Setup) -> Iterator[str]:
    """What is not in files: variables, steps, notes, and the command that checks it all."""
    if setup.environment:
        yield f"In your shell's profile\n{_indented(exports(setup.environment))}"
    if setup.steps:
        steps = [f"{number}. {step}" for number, step in enumerate(setup.steps, 1)]
        yield f"By hand, in {client.title}\n{_indented(chr(10).join(steps))}"
    if setup.notes:
        yield "\n".join(setup.notes)
    yield f"To check it\n{_indented(setup.check)}"


def written_page(planned: Plan, done: Done | None, home: Path) -> str:
    """What has become of a file. Names of settings are told, no values: some are secret."""
    name = short(planned.place, home)
    if done is None:
        return f"{name} says so already; it was not touched."
    lines = [f"{name} is written."]
    if done.backup is not None:
        lines.append(f"  The earlier one is kept: {short(done.backup, home)}")
    if planned.replaced:
        lines.append(f"  Had another value: {', '.join(planned.replaced)}")
    if done.tightened:
        lines.append("  It holds a key, so others on this machine can no longer read it.")
    return "\n".join(lines)


def exports(environment: Mapping[str, str]) -> str:
    """Lines for a shell."""
    return "\n".join(f"export {name}={_quoted(value)}" for name, value in environment.items() if value)


def short(place: Path, home: Path) -> str:
    """A path with `~` for the home directory."""
    return f"~/{place.relative_to(home)}" if place.is_relative_to(home) else str(place)


def _quoted(value: str) -> str:
    return f'"{value}"' if value == HIDDEN_KEY else shlex.quote(value)


def _content(file: File) -> str:
    return written("", merge({}, file.wanted), file.format)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.splitlines())
