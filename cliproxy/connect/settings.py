"""The values that the table of clients is made of: a daemon to be used, and what a client must be told of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Literal

import attrs

from cliproxy.secret import Secret

TextFormat = Literal["json", "toml", "yaml", "dotenv"]

KEY_VARIABLE: Final = "CLIPROXY_KEY"
"""The variable of the environment that holds the client key, where a client reads it from one of our choice."""
HIDDEN_KEY: Final = f"${KEY_VARIABLE}"
"""Stands in the key's place where it must not be shown."""


@attrs.frozen
class Daemon:
    """The daemon that a client is to use."""

    url: str
    """Without a slash at the end."""
    key: Secret
    model: str = ""
    """Empty: whatever the client asks for by itself."""
    small: str = ""
    """For titles, summaries and the like; empty only when `model` is."""
    websocket: bool = True
    """It takes Responses over a WebSocket."""


@attrs.frozen
class Unless:
    """A setting for where there is none; what is there stays."""

    value: object


@attrs.frozen
class Listed:
    """One element of a list, beside whatever else is in it. The element that is the same thing is changed instead."""

    value: Mapping[str, object] | str = attrs.field(repr=False)
    by: str = ""
    """The member that tells elements apart. Empty: they are texts, `NAME=value`, told apart by the name."""


@attrs.frozen
class File:
    """A file of a client's, and what it must say; whatever else it says stays."""

    place: Path
    format: TextFormat
    wanted: Mapping[str, object] = attrs.field(repr=False)
    """Nested mappings; at the ends texts, numbers, `Unless` and `Listed`."""
    holds_key: bool = True


@attrs.frozen
class Setup:
    """All that a client must be told."""

    check: str
    """A command that gets an answer if everything is right."""
    files: tuple[File, ...] = ()
    environment: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    """Variables that must be in the environment, because no file of the client's can hold them."""
    steps: tuple[str, ...] = attrs.field(default=(), repr=False)
    """What can be done by hand alone; one of them shows the key."""
    notes: tuple[str, ...] = ()


@attrs.frozen
class Home:
    """Where a user's files are: the home directory, and the environment, by which clients find theirs."""

    directory: Path
    variables: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    exists: Callable[[Path], bool] = Path.exists

    def named(self, variable: str) -> Path | None:
        """The path that a variable holds."""
        value = self.variables.get(variable, "")
        return Path(value).expanduser() if value else None

    def under(self, variable: str, *below: str) -> Path:
        """The directory that a variable names; without it, the one below the home directory."""
        return self.named(variable) or self.directory.joinpath(*below)

    def first(self, *places: Path) -> Path:
        """The first that is there, else the first."""
        return next((place for place in places if self.exists(place)), places[0])


@attrs.frozen
class Client:
    """A program that may use the daemon."""

    name: str
    """As it is typed."""
    title: str
    where: str
    """Where its settings go, for the list of clients."""
    setup: Callable[[Daemon, Home], Setup]
    prefers: tuple[str, ...] = ("claude-sonnet-*", "claude-*", "gpt-*", "gemini-*")
    """Patterns of models, the best first."""
    usual: str = "claude-sonnet-5"
    """The model if the daemon cannot be asked; empty: the client has one of its own."""
    overruled_by: tuple[str, ...] = ()
    """Variables of the environment that the client heeds more than its files."""
