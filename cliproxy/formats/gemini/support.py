"""What a client of this wire can say, and what becomes of what others say when it is written in this wire."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from cliproxy.formats.codec import Field, Support

SAYS: Final[Mapping[Field, Literal[True]]] = MappingProxyType(
    {
        "system": True,
        "images by bytes": True,
        "images by URL": True,
        "documents": True,
        "audio": True,
        "thinking of earlier turns": True,
        "tools": True,
        "web search": True,
        "tool choice: auto, required, none": True,
        "tool choice: one tool": True,
        "tool choice: some tools": True,
        "images in tool results": True,
        "errors of tools": True,
        "max tokens": True,
        "stop sequences": True,
        "several choices": True,
        "temperature, top_p": True,
        "top_k": True,
        "seed": True,
        "penalties": True,
        "logprobs": True,
        "thinking: effort": True,
        "thinking: budget": True,
        "thinking: visibility": True,
        "JSON output": True,
        "JSON Schema output": True,
        "metadata": True,
        "service tier": True,
        "store": True,
        "citations": True,
    }
)

SUPPORT: Final[Mapping[Field, Support]] = MappingProxyType(
    {
        "system": Support.EXACT,
        "system in mid-conversation": Support.EMULATED,
        "images by bytes": Support.EXACT,
        "images by URL": Support.EXACT,
        "documents": Support.EXACT,
        "audio": Support.EXACT,
        "thinking of earlier turns": Support.EXACT,
        "tools": Support.EXACT,
        "free-form tools": Support.EMULATED,
        "tool namespaces": Support.EMULATED,
        "web search": Support.EXACT,
        "tool choice: auto, required, none": Support.EXACT,
        "tool choice: one tool": Support.EXACT,
        "tool choice: some tools": Support.EXACT,
        "parallel tool calls off": Support.LOST,
        "images in tool results": Support.EXACT,
        "errors of tools": Support.EXACT,
        "max tokens": Support.EXACT,
        "stop sequences": Support.EXACT,
        "several choices": Support.EXACT,
        "temperature, top_p": Support.EXACT,
        "top_k": Support.EXACT,
        "seed": Support.EXACT,
        "penalties": Support.EXACT,
        "logit bias": Support.LOST,
        "logprobs": Support.EXACT,
        "thinking: effort": Support.EXACT,
        "thinking: budget": Support.EXACT,
        "thinking: visibility": Support.EXACT,
        "JSON output": Support.EXACT,
        "JSON Schema output": Support.EXACT,
        "verbosity": Support.LOST,
        "cache marks": Support.EMULATED,
        "cache key": Support.EMULATED,
        "end user": Support.LOST,
        "metadata": Support.EXACT,
        "service tier": Support.EXACT,
        "store": Support.EXACT,
        "citations": Support.LOST,
    }
)
