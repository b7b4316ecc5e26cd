"""Asks a daemon which models it serves; without a reactor, and not for long."""

from __future__ import annotations

import http.client
import json
from threading import Thread
from typing import Final
from urllib.parse import urlsplit

from cliproxy import __version__
from cliproxy.secret import Secret

WAIT_SECONDS: Final = 2.0
"""For all of it. Who is at a terminal wants an answer, and there is a way without."""
MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
MAX_NAME_LENGTH: Final = 200


def served(url: str, key: Secret) -> tuple[str, ...]:
    """The names of its models, in its own order. Empty if nobody answers in time, or not as a daemon does."""
    found: list[tuple[str, ...]] = []
    # In a thread, since looking up a name and reading a head have no end of their own.
    asking = Thread(target=lambda: found.append(_asked(url, key)), daemon=True)
    asking.start()
    asking.join(WAIT_SECONDS)
    return found[0] if found else ()


def _asked(url: str, key: Secret) -> tuple[str, ...]:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=WAIT_SECONDS)
    headers = {
        "Authorization": f"Bearer {key.reveal()}",
        "User-Agent": f"cliproxy/{__version__}",
        "Connection": "close",
    }
    try:
        connection.request("GET", f"{parts.path}/v1/models", headers=headers)
        answer = connection.getresponse()
        content = answer.read(MAX_ANSWER_BYTES) if answer.status == http.client.OK else b""
    except (OSError, http.client.HTTPException, ValueError):
        return ()
    finally:
        connection.close()
    return names(content)


def names(content: bytes) -> tuple[str, ...]:
    """The names in a list of models as OpenAI writes it; those that no terminal or shell should see are left out."""
    try:
        document: object = json.loads(content)
    except (ValueError, RecursionError):
        return ()
    models = document.get("data") if isinstance(document, dict) else None
    found = [model.get("id") for model in models if isinstance(model, dict)] if isinstance(models, list) else []
    return tuple(name for name in found if isinstance(name, str) and is_name(name))


def is_name(text: str) -> bool:
    """Whether a text can be a model's name: printable, without blanks, not too long, and no option of a command."""
    whole = text.isprintable() and not any(letter.isspace() for letter in text)
    return whole and 0 < len(text) <= MAX_NAME_LENGTH and not text.startswith("-")
