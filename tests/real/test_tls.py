"""TLS on both sides: the daemon's own certificate, and what it accepts of an upstream's."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import anthropic
import httpx2
import pytest

from tests.real.conftest import CLIENT_KEY, UPSTREAM_KEY, Start, Write
from tests.support.certificates import Authority, Pair
from tests.support.processes import ANYWHERE, CLIPROXY, Process, Reply, accepts, answering, ask, message

MODEL = "claude-sonnet-5"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def right(authority: Authority) -> Pair:
    return authority.issue("localhost", "127.0.0.1")


def tls_demo(pair: Pair, directory: Path) -> Process:
    endpoint = f"ssl:0:interface=127.0.0.1:privateKey={pair.key}:certKey={pair.certificate}"
    return Process((*CLIPROXY, "demo", "--listen", endpoint), directory)


@pytest.fixture(scope="module")
def tls_upstream(right: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with tls_demo(right, tmp_path_factory.mktemp("upstream")) as upstream:
        yield f"https://localhost:{urlsplit(upstream.url).port}"


def served_from(base_url: str, start: Start, write: Write, **variables: str) -> Reply:
    path = write(claude_api_key=[{"api-key": UPSTREAM_KEY, "base-url": base_url}])
    daemon = start(*CLIPROXY, "run", "--config", str(path), **variables)
    return ask(daemon.url, message(model=MODEL), CLIENT_KEY)


def error_of(reply: Reply) -> str:
    error = reply.json["error"]
    assert isinstance(error, dict)
    return str(error["message"])


# -- its own -------------------------------------------------------------------------------------------------------


@pytest.fixture
def secured(start: Start, write: Write, right: Pair) -> Process:
    tls = {"enable": True, "cert": str(right.certificate), "key": str(right.key)}
    return start(*CLIPROXY, "run", "--config", str(write(tls=tls)))


def test_the_sdk_talks_to_it_over_tls(secured: Process, authority: Authority) -> None:
    trusting = httpx2.Client(verify=ssl.create_default_context(cafile=authority.certificate))
    with anthropic.Anthropic(base_url=secured.url, api_key=CLIENT_KEY, max_retries=0, http_client=trusting) as client:
        asked = client.messages.stream(
            model="demo", max_tokens=4096, messages=[{"role": "user", "content": "[[say:over TLS]]"}]
        )
        with asked as stream:
            assert "".join(stream.text_stream) == "over TLS"
    assert secured.url.startswith("https://")


def test_an_endpoint_that_speaks_tls_is_shown_as_https(start: Start, right: Pair) -> None:
    """Whatever the configuration says of TLS: it speaks of its own endpoint."""
    endpoint = f"ssl:0:interface=127.0.0.1:privateKey={right.key}:certKey={right.certificate}"
    assert start(*CLIPROXY, "run", "--listen", endpoint).url.startswith("https://127.0.0.1:")


def test_a_plain_endpoint_is_shown_as_http(start: Start, write: Write, right: Pair) -> None:
    tls = {"enable": True, "cert": str(right.certificate), "key": str(right.key)}
    daemon = start(*CLIPROXY, "run", "--config", str(write(tls=tls)), "--listen", ANYWHERE)
    assert ask(daemon.url, path="/healthz").status == 200


def test_who_does_not_trust_its_authority_gets_nothing(secured: Process) -> None:
    with httpx2.Client() as client, pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        client.get(f"{secured.url}/healthz")


def test_plain_http_on_its_port_harms_nobody(secured: Process, authority: Authority) -> None:
    assert not accepts(secured.url.replace("https", "http"))
    trust = ssl.create_default_context(cafile=authority.certificate)
    assert httpx2.get(f"{secured.url}/healthz", verify=trust).status_code == 200
    assert secured.stop() == 0
    assert "Traceback" not in secured.output


# -- an upstream's -------------------------------------------------------------------------------------------------


def test_a_private_authority_is_trusted_by_ssl_cert_file(
    tls_upstream: str, authority: Authority, start: Start, write: Write
) -> None:
    assert served_from(tls_upstream, start, write, SSL_CERT_FILE=str(authority.certificate)).status == 200


def test_an_authority_that_nobody_knows_is_refused(tls_upstream: str, start: Start, write: Write) -> None:
    reply = served_from(tls_upstream, start, write)
    assert reply.status == 502
    assert "certificate" in error_of(reply)


def test_a_certificate_for_another_name_is_refused(
    authority: Authority, start: Start, write: Write, tmp_path: Path
) -> None:
    with tls_demo(authority.issue("other.example"), tmp_path) as upstream:
        base_url = f"https://localhost:{urlsplit(upstream.url).port}"
        reply = served_from(base_url, start, write, SSL_CERT_FILE=str(authority.certificate))
    assert reply.status == 502
    assert error_of(reply) == "The certificate of the upstream localhost is for another name."


def test_an_address_is_proved_like_a_name(tls_upstream: str, authority: Authority, start: Start, write: Write) -> None:
    base_url = tls_upstream.replace("localhost", "127.0.0.1")
    assert served_from(base_url, start, write, SSL_CERT_FILE=str(authority.certificate)).status == 200


def test_an_upstream_without_tls_is_told_apart(start: Start, write: Write) -> None:
    with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        reply = served_from(f"https://localhost:{port}", start, write)
    assert reply.status == 502
    assert "TLS" in error_of(reply)
