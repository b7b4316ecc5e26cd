"""What an identity provider gives, and how it refuses. Values and errors, shared by all flows."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from cliproxy.logins.login import NO_SECRET
from cliproxy.secret import Secret


@attrs.frozen
class Tokens:
    """The answer of a token endpoint."""

    access_token: Secret
    refresh_token: Secret = NO_SECRET
    """Empty: none was given, and the one before stays."""
    id_token: Secret = NO_SECRET
    expires_at: float | None = None
    """Unix time in seconds."""
    fields: Mapping[str, object] = attrs.field(factory=dict, repr=False, hash=False)
    """What goes into the account's file beside the tokens: email, account_id, …"""


class LoginFailed(Exception):
    """A login or a refresh that came to nothing. The sentence is for a person and holds no secret."""


class Rejected(LoginFailed):
    """The provider refuses the code or token for good: only a new login helps."""


class Unanswered(LoginFailed):
    """The provider could not be reached, or has trouble of its own: to be tried again."""

    def __init__(self, sentence: str, retry_after: float | None = None) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after
