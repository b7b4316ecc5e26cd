"""A service account's key file: what is mended in it, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from cliproxy.logins.service_account import MAX_FILE_BYTES, clean_key, read_service_account
from cliproxy.logins.tokens import LoginFailed

KEY = rsa.generate_private_key(65537, 2048)
PKCS8 = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PKCS1 = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


def key_file(**changes: object) -> bytes:
    told = {
        "type": "service_account",
        "project_id": "a-project",
        "private_key_id": "1",
        "private_key": PKCS8,
        "client_email": "robot@a-project.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    return json.dumps(told | changes).encode()


def test_a_key_file_becomes_an_account() -> None:
    fields = read_service_account(key_file(), "europe-west4", "team")
    account = fields.pop("service_account")
    assert fields == {
        "type": "vertex",
        "project_id": "a-project",
        "email": "robot@a-project.iam.gserviceaccount.com",
        "location": "europe-west4",
        "prefix": "team",
    }
    assert account == json.loads(key_file())


def test_a_location_that_is_not_named_is_googles_usual_one() -> None:
    assert read_service_account(key_file())["location"] == "us-central1"


def test_no_prefix_is_no_member() -> None:
    assert "prefix" not in read_service_account(key_file())


@pytest.mark.parametrize(
    "damage",
    [
        lambda pem: pem,
        lambda pem: PKCS1,
        lambda pem: pem.replace("\n", "\r\n"),
        lambda pem: pem.replace("\n", "\\n"),
        lambda pem: pem.replace("\n", "\\r\\n"),
        lambda pem: pem.replace("\n", " "),
        lambda pem: f"\x1b[32m{pem.replace(chr(10), chr(10) + '   ')}\x1b[0m",
        lambda pem: f"here it is:\n{pem}\nthat was it",
    ],
)
def test_a_key_is_mended(damage: Callable[[str], str]) -> None:
    assert clean_key(damage(PKCS8)) == PKCS8


def test_a_mended_key_is_the_same_key() -> None:
    mended = load_pem_private_key(clean_key(PKCS1).encode(), None)
    assert isinstance(mended, rsa.RSAPrivateKey)
    assert mended.private_numbers() == KEY.private_numbers()


def other_kind() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def short_key() -> str:
    key = rsa.generate_private_key(65537, 1024)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "not JSON"),
        (b"[]", "service account"),
        (b"{}", "service account"),
        (b"x" * (MAX_FILE_BYTES + 1), "larger than"),
        (key_file(type="authorized_user"), "type is not service_account"),
        (key_file(project_id=""), "project_id"),
        (key_file(project_id="../elsewhere"), "project_id"),
        (key_file(client_email=""), "client_email"),
        (key_file(private_key=""), "no private_key"),
        (key_file(private_key=5), "no private_key"),
        (key_file(private_key=PKCS8[:200]), "no private_key"),
        (key_file(private_key=PKCS8[:100] + PKCS8[200:]), "damaged"),
        (key_file(private_key=other_kind()), "not an RSA key"),
        (key_file(private_key=short_key()), "bits"),
        (key_file(token_uri="http://oauth2.googleapis.com/token"), "not https"),
    ],
    ids=lambda value: value if isinstance(value, str) else "file",
)
def test_what_is_wrong_is_told(content: bytes, sentence: str) -> None:
    with pytest.raises(LoginFailed, match=sentence):
        read_service_account(content)


@pytest.mark.parametrize("location", ["US", "us central1", "../x", "x" * 64, "evil.example/"])
def test_a_location_becomes_part_of_a_host_name_and_is_checked(location: str) -> None:
    with pytest.raises(LoginFailed, match="location"):
        read_service_account(key_file(), location)


@pytest.mark.parametrize("prefix", ["a/b", "..", "a b", "-x"])
def test_a_prefix_is_one_word(prefix: str) -> None:
    with pytest.raises(LoginFailed, match="prefix"):
        read_service_account(key_file(), "", prefix)


def test_no_key_is_told() -> None:
    with pytest.raises(LoginFailed) as caught:
        read_service_account(key_file(private_key=PKCS8[:100] + PKCS8[200:]))
    assert PKCS8[40:60] not in str(caught.value)
