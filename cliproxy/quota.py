"""How much an account may still ask, as its vendor says with each answer. Values; nothing here decides anything."""

from __future__ import annotations

import attrs


@attrs.frozen
class Window:
    """A span of time in which an account may use so much."""

    name: str
    """The vendor's, such as `5h`, `7d`, `primary`, `requests`, `input-tokens`."""
    used: float
    """0 to 1, of what the window allows; 1 also where the vendor says that it is exhausted."""
    resets_at: float
    """When it begins anew; Unix time in seconds."""
    seconds: float = 0.0
    """How long it lasts; 0 where that is not known."""
    model: str = ""
    """The upstream's name of the one model that it is for, or a pattern with `*`; empty: all of the account."""

    def over(self, now: float) -> bool:
        """Whether it has begun anew since, so that nothing is known of it any more."""
        return now >= self.resets_at


@attrs.frozen
class Limits:
    """What one answer says of an account's limits."""

    windows: tuple[Window, ...] = ()
    retry_after: float | None = None
    """Seconds until the vendor wants to be asked again; None: it did not say."""
    whole_account: bool = False
    """What is refused is refused for every model of the account, not for the one that was asked."""
