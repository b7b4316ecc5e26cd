"""Wire formats, sans-IO, a file each. The table says which there are; no format knows another."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cliproxy.formats.anthropic import ANTHROPIC
from cliproxy.formats.wire import WireFormat

FORMATS: Final[Mapping[str, WireFormat]] = MappingProxyType({ANTHROPIC.name: ANTHROPIC})

__all__ = ["FORMATS"]
