"""What a client of this wire can ask for, and what becomes of each thing when it is written in this wire."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from cliproxy.formats.codec import Field, Support

SAYS: Final[Mapping[Field, Literal[True]]] = MappingProxyType(
    {
        "system": True,
        "system in mid-conversation": True,
        "images by bytes": True,
        "images by URL": True,
        "documents": True,
        "audio": True,
        "thinking of earlier turns": True,
        "tools": True,
        "free-form tools": True,
        "tool namespaces": True,
        "web search": True,
        "tool choice: auto, required, none": True,
        "tool choice: one tool": True,
        "tool choice: some tools": True,
        "parallel tool calls off": True,
        "images in tool results": True,
        "max tokens": True,
        "temperature, top_p": True,
        "logprobs": True,
        "thinking: effort": True,
        "thinking: visibility": True,
        "JSON output": True,
        "JSON Schema output": True,
        "verbosity": True,
        "cache marks": True,
        "cache key": True,
        "end user": True,
        "metadata": True,
        "service tier": True,
        "store": True,
        "citations": True,
    }
)

SUPPORT: Final[Mapping[Field, Support]] = MappingProxyType(
    {
        "system": Support.EXACT,
        "system in mid-conversation": Support.EXACT,
        "images by bytes": Support.EXACT,
        "images by URL": Support.EXACT,
        "documents": Support.EXACT,
        "audio": Support.EXACT,
        "thinking of earlier turns": Support.EXACT,
        "tools": Support.EXACT,
        "free-form tools": Support.EXACT,
        "tool namespaces": Support.EXACT,
        "web search": Support.EXACT,
        "tool choice: auto, required, none": Support.EXACT,
        "tool choice: one tool": Support.EXACT,
        "tool choice: some tools": Support.EXACT,
        "parallel tool calls off": Support.EXACT,
        "images in tool results": Support.EXACT,
        "errors of tools": Support.EMULATED,
        "max tokens": Support.EXACT,
        "stop sequences": Support.EMULATED,
        "several choices": Support.EMULATED,
        "temperature, top_p": Support.EXACT,
        "top_k": Support.LOST,
        "seed": Support.LOST,
        "penalties": Support.LOST,
        "logit bias": Support.LOST,
        "logprobs": Support.EXACT,
        "thinking: effort": Support.EXACT,
        "thinking: budget": Support.EMULATED,
        "thinking: visibility": Support.EXACT,
        "JSON output": Support.EXACT,
        "JSON Schema output": Support.EXACT,
        "verbosity": Support.EXACT,
        "cache marks": Support.EMULATED,
        "cache key": Support.EXACT,
        "end user": Support.EXACT,
        "metadata": Support.EXACT,
        "service tier": Support.EXACT,
        "store": Support.EXACT,
        "citations": Support.EXACT,
    }
)
"""Stop sequences and several choices are done before the encoder sees them: replies are searched, or asked again."""
