"""Where Vertex AI serves the accounts of a project: its host and its paths name both project and location."""

from __future__ import annotations

import re
from typing import Final

DEFAULT_LOCATION: Final = "us-central1"
"""For accounts that name none."""
_GLOBAL: Final = "global"
_LOCATION: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")
_PROJECT: Final = re.compile(r"(?:[a-z0-9.-]{1,80}:)?[a-z0-9][a-z0-9-]{0,62}")
"""An id or a number; old ones stand behind a domain."""


def vertex_base_url(project: str, location: str = "") -> str:
    """The base URL of `vertex-project` in `PROVIDERS`. Raises `ValueError` for what is no project or no location: both
    come out of files, and decide to which host a token is sent.
    """
    location = location or DEFAULT_LOCATION
    if _PROJECT.fullmatch(project) is None:
        raise ValueError(f"{project!r} is no id of a Google Cloud project")
    if _LOCATION.fullmatch(location) is None:
        raise ValueError(f"{location!r} is no location of Google Cloud")
    host = "aiplatform.googleapis.com" if location == _GLOBAL else f"{location}-aiplatform.googleapis.com"
    return f"https://{host}/v1/projects/{project}/locations/{location}"
