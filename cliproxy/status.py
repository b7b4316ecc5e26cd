"""What an operator is shown: every credential with its windows and cooldowns, and who would be next. No secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from cliproxy import __version__
from cliproxy.logins.login import Login
from cliproxy.routing.catalogue import Catalogue, CredentialId
from cliproxy.routing.pool import Pool, Wanted
from cliproxy.routing.standing import Standing
from cliproxy.upstream.accounts import Account

MAX_MODELS: Final = 200
"""Of which the next credential is told."""


def status(
    pool: Pool,
    catalogue: Catalogue,
    accounts: Mapping[CredentialId, Account],
    logins: Mapping[str, Login],
    waiting: int,
    now: float,
) -> dict[str, object]:
    """All of it, as JSON has it; times are Unix time in seconds."""
    conversations = pool.affinity.counts()
    held: dict[str, list[tuple[str, Standing]]] = {}
    for credential, model, standing in pool.ledger.held():
        held.setdefault(credential, []).append((model, standing))
    return {
        "version": __version__,
        "now": now,
        "strategy": pool.policy.strategy,
        "credentials": [
            _credential(
                pool,
                credential,
                accounts,
                logins.get(credential),
                held.get(credential, []),
                conversations.get(credential, 0),
                now,
            )
            for credential in catalogue.credentials
        ],
        "next": dict(_next(pool, catalogue.names, catalogue.candidates, now)),
        "affinity": {
            "conversations": len(pool.affinity),
            "moves": pool.affinity.moves,
            "cached_tokens_lost": pool.affinity.cached_tokens_lost,
        },
        "queue": {"waiting": waiting},
        "probes": pool.probed,
    }


def _credential(
    pool: Pool,
    credential: CredentialId,
    accounts: Mapping[CredentialId, Account],
    login: Login | None,
    held: list[tuple[str, Standing]],
    conversations: int,
    now: float,
) -> dict[str, object]:
    record = pool.ledger.credential(credential)
    account = accounts.get(credential)
    return {
        "id": credential,
        "provider": account.provider if account is not None else "",
        "label": login.label if login is not None else "",
        "state": _state(pool, credential, held, now),
        "in_flight": record.in_flight,
        "limit": record.terms.max_concurrency,
        "priority": record.terms.priority,
        "weight": record.terms.weight,
        "windows": [
            {
                "name": window.name,
                "model": window.model,
                "used": round(window.used, 4),
                "resets_at": window.resets_at,
                "seconds": window.seconds,
            }
            for window in record.windows.values()
            if not window.over(now)
        ],
        "cooldowns": [
            {
                "model": model,
                "verdict": standing.verdict,
                "status": standing.status,
                "reason": standing.reason,
                "failures": standing.failures,
                "since": standing.since,
                "until": standing.until,
                "probe_at": standing.overdue_at,
            }
            for model, standing in held
        ],
        "load": round(record.load_now(now)),
        "conversations": conversations,
        "served": record.served,
        "failed": record.failed,
        "expires_at": login.expired if login is not None else None,
    }


def _state(pool: Pool, credential: CredentialId, held: list[tuple[str, Standing]], now: float) -> str:
    """Of the credential as a whole; what is held against one of its models stands beside."""
    record = pool.ledger.credential(credential)
    if record.parked:
        return "needs login"
    whole = [standing for model, standing in held if not model]
    if whole and now < whole[0].probe_at:
        return "cooling"
    if whole:
        return "probing" if pool.is_probed(credential) else "half-open"
    return "full" if record.is_full else "ready"


def _next(
    pool: Pool, names: Iterable[str], candidates: Callable[[str], object], now: float
) -> Iterable[tuple[str, str]]:
    for name in list(names)[:MAX_MODELS]:
        found = candidates(name)
        assert isinstance(found, tuple)
        credential = pool.next_for(Wanted(name, found), now)
        if credential is not None:
            yield name, credential
