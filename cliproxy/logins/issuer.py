"""Whoever gives new tokens to a login: its provider's token endpoint, or Google for a service account."""

from __future__ import annotations

from collections.abc import Callable

import attrs
from twisted.internet.defer import Deferred

from cliproxy.logins import vertex
from cliproxy.logins.endpoint import TokenEndpoint
from cliproxy.logins.login import Login
from cliproxy.logins.providers import LoginType
from cliproxy.logins.tokens import Tokens
from cliproxy.threads import OffReactor
from cliproxy.upstream.accounts import Way


@attrs.frozen
class Issuer:
    """Renews logins of all kinds, each by its own way out: `way` tells it; None: the endpoint's."""

    endpoint: TokenEndpoint
    off_reactor: OffReactor
    way: Callable[[Login], Way | None] = lambda _: None

    def refresh(self, login_type: LoginType, login: Login) -> Deferred[Tokens]:
        """Fires with new tokens, or fails with `Rejected` or `Unanswered`."""
        way = self.way(login)
        if login.service_account:
            endpoint = self.endpoint if way is None else self.endpoint.by_way_of(way)
            return Deferred.fromCoroutine(vertex.mint(endpoint, self.off_reactor, login_type, login))
        return self.endpoint.refresh(
            login_type,
            login.refresh_token,
            url=login.token_endpoint,
            client_id=login.client_id,
            client_secret=login.client_secret,
            way=way,
        )
