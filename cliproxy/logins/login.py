"""One account that was logged in to: what its file says, as far as this program understands it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from cliproxy.secret import Secret

NO_SECRET: Final = Secret("")


@attrs.frozen
class Login:
    """An account file. Field names are the file's own; times are Unix time in seconds.

    What only the file needs to know stays there: an id token is as long as all the rest.
    """

    name: str
    """The file's name, such as `claude-me@example.org.json`: the account's id in this program."""
    type: str
    """A row of `LOGIN_TYPES`."""
    access_token: Secret = NO_SECRET
    refresh_token: Secret = NO_SECRET
    expired: float | None = None
    """When the access token ends (the file's `expired`, or whatever it calls it); None: not known."""
    last_refresh: float | None = None
    email: str = ""
    account_id: str = ""
    project_id: str = ""
    location: str = ""
    """Vertex AI's region."""
    base_url: str = ""
    """Where the account is served, if not where its type is."""
    token_endpoint: str = ""
    """Where its token is refreshed, if not where its type's is."""
    client_id: str = ""
    """Of the OAuth client that it was made with, where the file says so."""
    client_secret: Secret = NO_SECRET
    service_account: Mapping[str, str] = attrs.field(factory=dict, repr=False, hash=False)
    """Vertex AI: Google's key file."""
    disabled: bool = False
    needs_login: bool = False
    """Its refresh token was rejected (the file's `needs_login`): nothing but a new login mends that."""
    prefix: str = ""
    proxy_url: str = attrs.field(default="", repr=False)
    """As written, perhaps with a password; empty: as the configuration says."""
    priority: int = 0
    weight: int = 1
    excluded_models: tuple[str, ...] = ()
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False, hash=False)
    note: str = ""
    adopted_from: str = ""
    """The official CLI's own file that holds its tokens, and is read and written in their place."""

    @property
    def label(self) -> str:
        """How a person knows it."""
        return self.email or self.project_id or self.account_id or self.name.removesuffix(".json")

    def without_tokens(self) -> Login:
        """What stays the same when its tokens are renewed."""
        return attrs.evolve(self, access_token=NO_SECRET, refresh_token=NO_SECRET, expired=None, last_refresh=None)
