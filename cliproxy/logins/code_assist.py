"""Google's Code Assist: whose account it is, and in which project its requests are counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from twisted.internet.task import deferLater

from cliproxy import __version__
from cliproxy.logins.endpoint import TokenEndpoint
from cliproxy.logins.http import Reply
from cliproxy.logins.pasted import printable
from cliproxy.logins.providers import LoginType
from cliproxy.logins.tokens import LoginFailed
from cliproxy.secret import Secret

POLL_SECONDS: Final = 5.0
MAX_POLLS: Final = 24
"""Two minutes; a new project takes some seconds."""
FREE_TIER: Final = "free-tier"
"""It brings a project of its own, and refuses another."""
NO_TIER: Final = "legacy-tier"

# The service wants to know its client. Of its closed lists none fits, and a name it takes as it is.
METADATA: Final[Mapping[str, str]] = {
    "ideType": "IDE_UNSPECIFIED",
    "ideName": "cliproxy",
    "ideVersion": __version__,
    "platform": "PLATFORM_UNSPECIFIED",
    "pluginType": "PLUGIN_UNSPECIFIED",
}


async def email_of(endpoint: TokenEndpoint, login_type: LoginType, token: Secret) -> str:
    """The account's address; empty if nobody tells. Raises `LoginFailed`."""
    if not login_type.userinfo_url:
        return ""
    reply = await endpoint.asker.get(login_type.userinfo_url, bearer=token)
    if not reply.ok:
        raise _refused(reply, "who you are")
    email = reply.document.get("email")
    return printable(email, 320) if isinstance(email, str) else ""


async def onboard(endpoint: TokenEndpoint, login_type: LoginType, token: Secret, project: str = "") -> str:
    """The id of the project; a new account is signed up first. `project`: the person's own. Raises `LoginFailed`."""
    told = await _call(endpoint, login_type, token, "loadCodeAssist", _with(project, {"metadata": METADATA}))
    found = project or _project(told)
    if isinstance(told.get("currentTier"), dict) and found:
        return found
    tier = _tier(told)
    wanted = {"tierId": tier, "metadata": METADATA}
    body = wanted if tier == FREE_TIER else _with(found, wanted)
    for _ in range(MAX_POLLS):
        told = await _call(endpoint, login_type, token, "onboardUser", body)
        if told.get("done") is True:
            response = told.get("response")
            found = (_project(response) if isinstance(response, dict) else "") or found
            if not found:
                raise LoginFailed("Google gave no project for this account; name one of yours with --project-id.")
            return found
        await deferLater(endpoint.clock, POLL_SECONDS)
    raise LoginFailed("Google is still setting up the project. Log in again in some minutes.")


async def _call(
    endpoint: TokenEndpoint, login_type: LoginType, token: Secret, method: str, body: Mapping[str, object]
) -> Mapping[str, object]:
    url = f"{login_type.base_url.rstrip('/')}/v1internal:{method}"
    reply = await endpoint.asker.post_json(url, body, bearer=token)
    if not reply.ok:
        raise _refused(reply, "a project")
    return reply.document


def _with(project: str, body: Mapping[str, object]) -> Mapping[str, object]:
    return {**body, "cloudaicompanionProject": project} if project else body


def _tier(told: Mapping[str, object]) -> str:
    """Which of those on offer is the usual one."""
    tiers = told.get("allowedTiers")
    for tier in tiers if isinstance(tiers, list) else []:
        if isinstance(tier, dict) and tier.get("isDefault") is True and isinstance(tier.get("id"), str):
            return str(tier["id"])
    return NO_TIER


def _project(told: Mapping[str, object]) -> str:
    """Its id stands there as a text, or in an object."""
    project = told.get("cloudaicompanionProject")
    if isinstance(project, dict):
        project = project.get("id")
    return printable(project) if isinstance(project, str) else ""


def _refused(reply: Reply, what: str) -> LoginFailed:
    error = reply.document.get("error")
    message = error.get("message") if isinstance(error, dict) else None
    if isinstance(message, str) and 400 <= reply.status < 500:
        return LoginFailed(f"{reply.host} refuses: {printable(message).rstrip('.')}.")
    return reply.unanswered(what)
