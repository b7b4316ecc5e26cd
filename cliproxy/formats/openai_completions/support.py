"""What a client of the older completions can say. No upstream is written to in this format."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, get_args

from cliproxy.formats.codec import Field, Support

SAYS: Final[Mapping[Field, Literal[True]]] = MappingProxyType(
    {
        "max tokens": True,
        "stop sequences": True,
        "several choices": True,
        "temperature, top_p": True,
        "top_k": True,
        "seed": True,
        "penalties": True,
        "logit bias": True,
        "logprobs": True,
        "end user": True,
    }
)

SUPPORT: Final[Mapping[Field, Support]] = MappingProxyType(dict.fromkeys(get_args(Field), Support.LOST))
"""Nothing arrives where nothing is sent."""
