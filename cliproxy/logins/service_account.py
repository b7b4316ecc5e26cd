"""Vertex AI: a service account's key file, checked and made into an account. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from cliproxy.logins.tokens import LoginFailed

MAX_FILE_BYTES: Final = 64 * 1024
"""A key file has between two and three kilobytes."""
LEAST_KEY_BITS: Final = 2048
DEFAULT_LOCATION: Final = "us-central1"
GOOGLE: Final = "https://oauth2.googleapis.com"
"""Whose tokens they are, if the file does not say."""

_PROJECT: Final = re.compile(r"[a-z0-9][a-z0-9.:-]{0,99}")
_LOCATION: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_PREFIX: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_PEM: Final = re.compile(r"-----BEGIN ((?:RSA )?PRIVATE KEY)-----(.*?)-----END \1-----", re.DOTALL)
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_NOT_BASE64: Final = re.compile(r"[^A-Za-z0-9+/=]")


def read_service_account(content: bytes, location: str = "", prefix: str = "") -> dict[str, object]:
    """Fields for the account's file. Raises `LoginFailed` with a sentence on what is wrong."""
    location = location or DEFAULT_LOCATION
    if not _LOCATION.fullmatch(location):
        raise LoginFailed("That is no location of Google's; they are like us-central1, or global.")
    if prefix and not _PREFIX.fullmatch(prefix):
        raise LoginFailed("A prefix is one word of letters, digits, dots, dashes and underscores.")
    told = _document(content)
    project = told.get("project_id", "")
    if not _PROJECT.fullmatch(project):
        raise LoginFailed("The key file names no project (project_id).")
    key = clean_key(told.get("private_key", ""))
    token_uri = told.get("token_uri") or f"{GOOGLE}/token"
    if not token_uri.startswith("https://"):
        raise LoginFailed("The key file's token_uri is not https.")
    if not told.get("client_email"):
        raise LoginFailed("The key file names no client_email.")
    fields: dict[str, object] = {
        "type": "vertex",
        "service_account": {**told, "private_key": key, "token_uri": token_uri},
        "project_id": project,
        "email": told["client_email"],
        "location": location,
    }
    return fields | ({"prefix": prefix} if prefix else {})


def clean_key(text: str) -> str:
    """An RSA key as PKCS#8 PEM, whatever an editor or a web form did to its lines. Raises `LoginFailed`."""
    found = _PEM.search(_COLOUR.sub("", text).replace("\\r", "").replace("\\n", "\n"))
    if found is None:
        raise LoginFailed("The key file holds no private_key in PEM.")
    kind, body = found[1], _NOT_BASE64.sub("", found[2])
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    pem = "\n".join((f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----", ""))
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise LoginFailed("The key file's private_key is damaged.") from None
    if not isinstance(key, RSAPrivateKey):
        raise LoginFailed("The key file's private_key is not an RSA key.")
    if key.key_size < LEAST_KEY_BITS:
        raise LoginFailed(f"The key file's private_key has fewer than {LEAST_KEY_BITS} bits.")
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _document(content: bytes) -> Mapping[str, str]:
    """The members that are texts, which all of them are."""
    if len(content) > MAX_FILE_BYTES:
        raise LoginFailed(f"That is no key file: it is larger than {MAX_FILE_BYTES // 1024} KiB.")
    try:
        told = orjson.loads(content.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        raise LoginFailed("That is no key file: it is not JSON.") from None
    if not isinstance(told, dict) or told.get("type") != "service_account":
        raise LoginFailed("That is no key file of a service account (its type is not service_account).")
    return {name: value for name, value in told.items() if isinstance(value, str)}
