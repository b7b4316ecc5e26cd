"""Tokens for Google's service accounts: a signed statement in, an access token for an hour out (RFC 7523).

There is no refresh token; the key file makes as many tokens as one wants, so they are held in memory alone.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import partial
from typing import Final

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cliproxy.logins.endpoint import TokenEndpoint
from cliproxy.logins.fields import address
from cliproxy.logins.http import Reply
from cliproxy.logins.login import Login
from cliproxy.logins.providers import LoginType
from cliproxy.logins.service_account import clean_key
from cliproxy.logins.stored import FileUnusable
from cliproxy.logins.tokens import LoginFailed, Rejected, Tokens, Unanswered
from cliproxy.threads import OffReactor

GOOGLE: Final = "https://oauth2.googleapis.com/token"
SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFE_SECONDS: Final = 3600
"""The longest that Google accepts."""


async def mint(endpoint: TokenEndpoint, off_reactor: OffReactor, login_type: LoginType, login: Login) -> Tokens:
    """A token for the service account. Raises `Rejected` if its key file is of no use, and `Unanswered`."""
    account = login.service_account
    try:
        # To this address goes a statement that is worth an hour: over https, or to this machine.
        url = address(account, "token_uri", plain=False) or login_type.token_url or GOOGLE
    except FileUnusable as unusable:
        raise Rejected(f"Of its key file, {unusable}.") from None
    # Reading a key proves it, which takes up to 0.1 s.
    assertion = await off_reactor(partial(signed_statement, account, url, endpoint.wall()))
    fields = {"grant_type": GRANT_TYPE, "assertion": assertion}
    reply = await endpoint.asker.post_form(url, fields)
    if _doubts_the_time(reply):
        raise Unanswered(f"{reply.host} refuses the time in the statement; the clock of this machine may be wrong.")
    return endpoint.tokens_in(login_type, reply, fields)


def signed_statement(account: Mapping[str, str], audience: str, now: float) -> str:
    """A JWT in which the service account asks for a token, of `audience`. Raises `Rejected`. Takes its time."""
    issuer = account.get("client_email", "")
    if not issuer:
        raise Rejected("The key file names no client_email.")
    key = _private_key(account.get("private_key", ""))
    head = {"alg": "RS256", "typ": "JWT"}
    if account.get("private_key_id"):
        head["kid"] = account["private_key_id"]
    issued_at = int(now)
    claims = {
        "iss": issuer,
        "scope": SCOPE,
        "aud": audience,
        "iat": issued_at,
        "exp": issued_at + LIFE_SECONDS,
    }
    statement = f"{_encoded(orjson.dumps(head))}.{_encoded(orjson.dumps(claims))}"
    return f"{statement}.{_encoded(key.sign(statement.encode(), PKCS1v15(), hashes.SHA256()))}"


def _private_key(pem: str) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(clean_key(pem).encode(), password=None)
    except LoginFailed as failed:
        raise Rejected(str(failed)) from None
    assert isinstance(key, RSAPrivateKey)
    return key


def _doubts_the_time(reply: Reply) -> bool:
    """Google calls a statement of another time `invalid_grant`, as it does one by a key that is withdrawn."""
    described = reply.document.get("error_description")
    return reply.status == 400 and isinstance(described, str) and "iat and exp" in described


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
