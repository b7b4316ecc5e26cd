"""The table of backends, and when a reply of theirs is made over."""

from __future__ import annotations

from typing import get_args

import pytest

from cliproxy.formats.codec import BackendName
from cliproxy.translate.backends import BACKENDS, Backend
from cliproxy.translate.code_assist import UnwrappedBody, UnwrappedStream
from cliproxy.translate.readers import ReplyHead
from cliproxy.translate.rebuilt import RebuiltOutput
from cliproxy.upstream.providers import PROVIDERS

STREAM = ReplyHead(200, b"text/event-stream", b"")
BODY = ReplyHead(200, b"application/json", b"")


def test_every_backend_has_a_row() -> None:
    assert set(BACKENDS) == set(get_args(BackendName))


def test_every_row_serves_a_provider() -> None:
    assert {provider.dialect.backend for provider in PROVIDERS.values()} == set(BACKENDS)


def test_a_server_that_is_open_to_all_is_asked_and_read_as_it_is() -> None:
    assert BACKENDS[""] == Backend()


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("codex", STREAM, RebuiltOutput),
        ("codex", BODY, type(None)),
        ("code-assist", STREAM, UnwrappedStream),
        ("code-assist", BODY, UnwrappedBody),
    ],
)
def test_a_stream_is_made_over_otherwise_than_a_body(name: BackendName, head: ReplyHead, kind: type) -> None:
    rework = BACKENDS[name].rework
    assert rework is not None
    assert type(rework(head)) is kind
