"""A fake identity provider on a real loopback socket, for logins and refreshes. It judges strictly.

    async def test_...() -> None:
        async with identity_provider() as idp:
            row = idp.login_type("claude")           # a row of LOGIN_TYPES with all its addresses here
            grant = idp.grant("me@example.org")      # tokens as if somebody had logged in: for refreshes
            idp.fail("/token", Fault(status=500), Fault(status=429, retry_after="7"))
            ...
            assert idp.asked_for("/token")[0].fields["grant_type"] == "refresh_token"

What it holds others to:

- a code is good once, for the client, the redirect URI and the PKCE challenge that it was asked with;
- a refresh token is good once: each refresh gives another, and who uses an old one again gets `invalid_grant`, and so
  does from then on the whole family (`reuse_error` changes that word);
- bodies are JSON or a form, whatever the Content-Type says they are; `takes` allows only one of them at `/token`;
- the client id must be its own, and so must the secret if it has one;
- a service account's JWT must be signed by the key named in `service_accounts`.

Faults come in the order given, one for each request to a path; then all is well again.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

import attrs
import treq
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from cliproxy.logins.providers import LOGIN_TYPES, LoginType
from cliproxy.secret import Secret
from tests.support.oauth_wire import (
    CONTENT_TYPES,
    CUT,
    GARBAGE,
    SILENT,
    Asked,
    Fault,
    misbehave,
    read_asked,
    say,
    texts,
)

__all__ = [
    "CUT",
    "GARBAGE",
    "SILENT",
    "Asked",
    "Fault",
    "Grant",
    "IdentityProvider",
    "Page",
    "browse",
    "identity_provider",
]

CLIENT_ID = "client-of-a-test"
EMAIL = "me@example.org"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
OPENAI_CLAIM = "https://api.openai.com/auth"


@attrs.frozen
class Grant:
    """Tokens that somebody was given."""

    access_token: str
    refresh_token: str
    email: str


@attrs.define
class _Code:
    email: str
    redirect_uri: str
    challenge: str
    verifier: str = ""
    """OpenAI's device flow hands it out with the code."""


@attrs.define
class _Device:
    user_code: str
    device_code: str
    polls: int = 0


class Refused(Exception):
    """An OAuth error answer."""

    def __init__(self, error: str, status: int = 400, description: str = "") -> None:
        super().__init__(error)
        self.error = error
        self.status = status
        self.description = description


class IdentityProvider:
    """See the module. State: everything that was asked and given; `async with identity_provider()` makes one."""

    def __init__(self) -> None:
        self.url = ""
        """Without a slash at its end."""
        self.client_id = CLIENT_ID
        self.client_secret = ""
        """Not empty: must be sent to `/token`."""
        self.email = EMAIL
        """Who agrees at `/authorize`, and with a device code."""
        self.account_id = "account-1"
        self.lifetime: object = 3600
        """`expires_in` of access tokens, as it stands in the JSON; None leaves it out."""
        self.rotates = True
        """A refresh gives a new refresh token; if not, none, and the old one goes on."""
        self.reuse_error = "invalid_grant"
        self.takes: Literal["json", "form", "either"] = "either"
        self.errors_with_200 = False
        """Errors at `/token` come with status 200, as Kimi's do."""
        self.pending_polls = 1
        """How often a device is told to wait before its person has agreed."""
        self.slow_downs = 0
        """How many of these are `slow_down`."""
        self.device_verdict = ""
        """An error that ends the device flow instead of tokens: access_denied, expired_token."""
        self.interval: object = 5
        self.authorize_error = ""
        """What comes back instead of a code."""
        self.project = "a-project"
        """What Code Assist gives who is onboarded; empty: nothing."""
        self.onboarded = False
        self.onboard_polls = 1
        """How often onboarding is not done yet."""
        self.service_accounts: dict[str, rsa.RSAPublicKey] = {}
        self.asked: list[Asked] = []
        self._codes: dict[str, _Code] = {}
        self._devices: dict[str, _Device] = {}
        self._access: dict[str, str] = {}
        self._refresh: dict[str, tuple[int, str]] = {}
        self._used: dict[str, int] = {}
        self._dead: set[int] = set()
        self._numbers: Iterator[int] = count(1)
        self._faults: dict[str, list[Fault]] = {}

    # -- for tests

    def login_type(self, name: str, **more: Any) -> LoginType:
        """A row of the table whose every address is here, on any free port, and whose client is this one's."""
        row = LOGIN_TYPES[name]
        here: dict[str, Any] = {
            "client_id": self.client_id,
            "client_secret": Secret(self.client_secret),
            "authorize_url": f"{self.url}/authorize" if "browser" in row.flows else "",
            "token_url": f"{self.url}/token",
            "callback_port": 0,
            "any_port": True,
            "discovery_url": "",
            "trusted_domain": "",
            "userinfo_url": f"{self.url}/userinfo" if row.userinfo_url else "",
        }
        if "device" in row.flows:
            device = f"{self.url}/api/accounts/deviceauth" if row.codex_device else self.url
            here["device_url"] = f"{device}/usercode" if row.codex_device else f"{self.url}/device"
            if row.codex_device:
                here["device_token_url"] = f"{device}/token"
                here["device_page_url"] = f"{self.url}/codex/device"
                here["device_redirect_uri"] = f"{self.url}/deviceauth/callback"
        if name == "gemini":
            here["base_url"] = self.url
        return attrs.evolve(row, **{**here, **more})

    def fail(self, path: str, *faults: Fault) -> None:
        """The next requests to a path get these."""
        self._faults.setdefault(path, []).extend(faults)

    def asked_for(self, path: str) -> list[Asked]:
        """What came to one path, oldest first."""
        return [asked for asked in self.asked if asked.path == path]

    def grant(self, email: str = "") -> Grant:
        """Tokens of a new family, as if somebody had just logged in."""
        return self._grant(email or self.email, next(self._numbers))

    def revoke(self, refresh_token: str) -> None:
        """Let a refresh token be refused, and all that come of it."""
        self._dead.add(self._refresh[refresh_token][0])

    def knows(self, access_token: str) -> bool:
        """Whether it gave this access token."""
        return access_token in self._access

    # -- answering

    def answer(self, request: Request) -> int | bytes:
        """One request."""
        asked = read_asked(request)
        self.asked.append(asked)
        queue = self._faults.get(asked.path)
        if queue:
            return misbehave(request, queue.pop(0))
        try:
            if asked.path == "/authorize":
                request.redirect(self._authorize(asked).encode())
                return b""
            return say(request, 200, self._document(asked))
        except Refused as refused:
            told: dict[str, object] = {"error": refused.error}
            if refused.description:
                told["error_description"] = refused.description
            as_200 = self.errors_with_200 and asked.path == "/token"
            return say(request, 200 if as_200 else refused.status, told)

    def _document(self, asked: Asked) -> Mapping[str, object]:
        match asked.method, asked.path:
            case "POST", "/token":
                return self._token(asked)
            case "POST", "/device":
                return self._device(asked)
            case "POST", "/api/accounts/deviceauth/usercode":
                return self._codex_device(asked)
            case "POST", "/api/accounts/deviceauth/token":
                return self._codex_poll(asked)
            case "GET", "/userinfo":
                return {"email": self._bearer(asked), "id": "1"}
            case "GET", "/.well-known/openid-configuration":
                return {
                    "issuer": self.url,
                    "authorization_endpoint": f"{self.url}/authorize",
                    "token_endpoint": f"{self.url}/token",
                    "device_authorization_endpoint": f"{self.url}/device",
                }
            case "POST", "/v1internal:loadCodeAssist":
                return self._load_code_assist(asked)
            case "POST", "/v1internal:onboardUser":
                return self._onboard(asked)
        raise Refused("not_found", 404)

    def _authorize(self, asked: Asked) -> str:
        fields = texts(asked.fields)
        if fields.get("response_type") != "code" or fields.get("client_id") != self.client_id:
            raise Refused("invalid_request")
        redirect = fields.get("redirect_uri", "")
        if urlsplit(redirect).hostname not in ("localhost", "127.0.0.1"):
            raise Refused("invalid_redirect_uri")
        if not fields.get("code_challenge") or fields.get("code_challenge_method") != "S256":
            raise Refused("invalid_request", description="S256, please")
        if not fields.get("state") or not fields.get("scope"):
            raise Refused("invalid_request", description="state and scope, please")
        back = {"state": fields["state"]}
        if self.authorize_error:
            back |= {"error": self.authorize_error, "error_description": "somebody said no"}
        else:
            back["code"] = self._code(_Code(self.email, redirect, fields["code_challenge"]))
        return f"{redirect}?{urlencode(back)}"

    def _code(self, code: _Code) -> str:
        name = f"code-{next(self._numbers)}"
        self._codes[name] = code
        return name

    def _token(self, asked: Asked) -> Mapping[str, object]:
        if self.takes != "either" and not asked.content_type.startswith(CONTENT_TYPES[self.takes]):
            raise Refused("invalid_request", 415, "wrong Content-Type")
        fields = texts(asked.fields)
        if fields.get("grant_type") == JWT_GRANT:
            return self._assertion(fields.get("assertion", ""))
        self._check_client(fields)
        match fields.get("grant_type"):
            case "authorization_code":
                return self._exchange(fields)
            case "refresh_token":
                return self._refreshed(fields.get("refresh_token", ""))
            case grant if grant == DEVICE_GRANT:
                return self._poll(fields.get("device_code", ""))
        raise Refused("unsupported_grant_type")

    def _check_client(self, fields: Mapping[str, str]) -> None:
        if fields.get("client_id") != self.client_id:
            raise Refused("invalid_client", 401)
        if self.client_secret and fields.get("client_secret") != self.client_secret:
            raise Refused("invalid_client", 401)

    def _exchange(self, fields: Mapping[str, str]) -> Mapping[str, object]:
        code = self._codes.pop(fields.get("code", ""), None)
        if code is None or fields.get("redirect_uri") != code.redirect_uri:
            raise Refused("invalid_grant")
        if _challenge(fields.get("code_verifier", "")) != code.challenge:
            raise Refused("invalid_grant", description="code_verifier")
        return self._told(self._grant(code.email, next(self._numbers)))

    def _refreshed(self, token: str) -> Mapping[str, object]:
        if token in self._used:
            self._dead.add(self._used[token])
            raise Refused(self.reuse_error)
        family, email = self._refresh.get(token, (0, ""))
        if not family or family in self._dead:
            raise Refused("invalid_grant")
        if not self.rotates:
            grant = Grant(self._access_token(email), "", email)
            return self._told(grant)
        del self._refresh[token]
        self._used[token] = family
        return self._told(self._grant(email, family))

    def _grant(self, email: str, family: int) -> Grant:
        refresh = f"refresh-{family}-{next(self._numbers)}"
        self._refresh[refresh] = (family, email)
        return Grant(self._access_token(email), refresh, email)

    def _access_token(self, email: str) -> str:
        token = f"access-{next(self._numbers)}"
        self._access[token] = email
        return token

    def _told(self, grant: Grant) -> Mapping[str, object]:
        """A token endpoint's answer, with what each of the vendors adds to it."""
        told: dict[str, object] = {
            "access_token": grant.access_token,
            "token_type": "Bearer",
            "scope": "everything",
            "id_token": self.id_token(grant.email),
            "account": {"uuid": self.account_id, "email_address": grant.email},
            "organization": {"uuid": "organization-1", "name": "Example"},
        }
        if grant.refresh_token:
            told["refresh_token"] = grant.refresh_token
        if self.lifetime is not None:
            told["expires_in"] = self.lifetime
        return told

    def id_token(self, email: str) -> str:
        """Not signed: it is read as the token endpoint's word."""
        claims = {
            "email": email,
            "sub": f"subject-of-{email}",
            OPENAI_CLAIM: {"chatgpt_account_id": self.account_id, "chatgpt_plan_type": "plus"},
        }
        return f"{_encoded(b'{}')}.{_encoded(json.dumps(claims).encode())}.{_encoded(b'signature')}"

    # -- devices

    def _device(self, asked: Asked) -> Mapping[str, object]:
        if not asked.content_type.startswith(CONTENT_TYPES["form"]):
            raise Refused("invalid_request", 415)
        self._check_client(texts(asked.fields) | {"client_secret": self.client_secret})
        device = self._new_device()
        return {
            "device_code": device.device_code,
            "user_code": device.user_code,
            "verification_uri": f"{self.url}/activate",
            "verification_uri_complete": f"{self.url}/activate?user_code={device.user_code}",
            "expires_in": 600.0,
            "interval": self.interval,
        }

    def _new_device(self) -> _Device:
        device = _Device(f"USER-{next(self._numbers):04}", f"device-{next(self._numbers)}")
        self._devices[device.device_code] = device
        return device

    def _poll(self, device_code: str) -> Mapping[str, object]:
        device = self._devices.get(device_code)
        if device is None:
            raise Refused("expired_token")
        device.polls += 1
        if device.polls <= self.slow_downs:
            raise Refused("slow_down")
        if device.polls <= self.pending_polls:
            raise Refused("authorization_pending")
        del self._devices[device_code]
        if self.device_verdict:
            raise Refused(self.device_verdict)
        return self._told(self._grant(self.email, next(self._numbers)))

    def _codex_device(self, asked: Asked) -> Mapping[str, object]:
        fields = texts(asked.fields)
        if not asked.content_type.startswith(CONTENT_TYPES["json"]) or fields.get("client_id") != self.client_id:
            raise Refused("invalid_request")
        device = self._new_device()
        return {"device_auth_id": device.device_code, "user_code": device.user_code, "interval": str(self.interval)}

    def _codex_poll(self, asked: Asked) -> Mapping[str, object]:
        fields = texts(asked.fields)
        device = self._devices.get(fields.get("device_auth_id", ""))
        if device is None or fields.get("user_code") != device.user_code:
            raise Refused("invalid_request")
        device.polls += 1
        if device.polls <= self.pending_polls:
            raise Refused("authorization_pending", 403 if device.polls % 2 else 404)
        del self._devices[device.device_code]
        verifier = f"verifier-{next(self._numbers)}-" + "v" * 43
        challenge = _challenge(verifier)
        code = self._code(_Code(self.email, f"{self.url}/deviceauth/callback", challenge, verifier))
        return {"authorization_code": code, "code_verifier": verifier, "code_challenge": challenge}

    # -- Google

    def _bearer(self, asked: Asked) -> str:
        scheme, _, token = asked.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self._access:
            raise Refused("unauthorized", 401)
        return self._access[token]

    def _load_code_assist(self, asked: Asked) -> Mapping[str, object]:
        self._bearer(asked)
        if not isinstance(asked.fields.get("metadata"), dict):
            raise Refused("INVALID_ARGUMENT")
        if self.onboarded and self.project:
            return {"currentTier": {"id": "free-tier"}, "cloudaicompanionProject": self.project}
        return {"allowedTiers": [{"id": "legacy-tier"}, {"id": "free-tier", "isDefault": True}]}

    def _onboard(self, asked: Asked) -> Mapping[str, object]:
        self._bearer(asked)
        if asked.fields.get("tierId") == "free-tier" and "cloudaicompanionProject" in asked.fields:
            raise Refused("FAILED_PRECONDITION", description="the free tier brings its own project")
        if self.onboard_polls > 0:
            self.onboard_polls -= 1
            return {"name": "operations/1", "done": False}
        self.onboarded = True
        project = asked.fields.get("cloudaicompanionProject", self.project)
        return {"done": True, "response": {"cloudaicompanionProject": {"id": project}} if project else {}}

    def _assertion(self, assertion: str) -> Mapping[str, object]:
        """A service account's: signed by its key, for this endpoint, and for an hour at the most."""
        try:
            head, claims, signature = (_decoded(part) for part in assertion.split("."))
            told = json.loads(claims)
            key = self.service_accounts[told["iss"]]
            signed = assertion.rpartition(".")[0].encode()
            key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        except (ValueError, KeyError, TypeError, InvalidSignature):
            raise Refused("invalid_grant", description="Invalid JWT Signature.") from None
        if json.loads(head).get("alg") != "RS256" or told.get("aud") != f"{self.url}/token" or not told.get("scope"):
            raise Refused("invalid_grant", description="Invalid JWT")
        if not time.time() - 60 < told["iat"] + 60 and told["exp"] - told["iat"] <= 3600:
            raise Refused("invalid_grant", description="Invalid JWT: token must be short-lived")
        return {"access_token": self._access_token(told["iss"]), "token_type": "Bearer", "expires_in": self.lifetime}


@asynccontextmanager
async def identity_provider() -> AsyncIterator[IdentityProvider]:
    """One that listens on a free port of loopback meanwhile."""
    from twisted.internet import reactor

    provider = IdentityProvider()
    site = Site(_Everything(provider), timeout=10, reactor=reactor)
    site.noisy = False
    port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(site)
    provider.url = f"http://127.0.0.1:{port.getHost().port}"
    try:
        yield provider
    finally:
        await port.stopListening()


@attrs.frozen
class Page:
    """What a browser was shown in the end."""

    url: str
    status: int
    body: str


async def browse(url: str) -> Page:
    """Open a URL as a browser does, following redirects: the person agrees to everything."""
    for _ in range(5):
        response = await treq.get(url, allow_redirects=False, persistent=False, timeout=5)
        body = await treq.text_content(response)
        location = response.headers.getRawHeaders(b"location")
        if response.code not in (301, 302, 303) or not location:
            return Page(url, response.code, body)
        url = location[0].decode()
    raise AssertionError("the redirects never end")


class _Everything(Resource):
    """Every path leads to the provider."""

    isLeaf = True

    def __init__(self, provider: IdentityProvider) -> None:
        super().__init__()
        self._provider = provider

    def render(self, request: Request) -> int | bytes:
        return self._provider.answer(request)


def _challenge(verifier: str) -> str:
    return _encoded(hashlib.sha256(verifier.encode()).digest())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
