"""What a client of this format can ask for, and what becomes of every field that is written in it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from cliproxy.formats.codec import Field, Support

SUPPORT: Final[Mapping[Field, Support]] = MappingProxyType(
    {
        "system": Support.EXACT,
        "system in mid-conversation": Support.EXACT,
        "images by bytes": Support.EXACT,
        "images by URL": Support.EXACT,
        "documents": Support.EXACT,
        "audio": Support.LOST,
        "thinking of earlier turns": Support.EXACT,
        "tools": Support.EXACT,
        "free-form tools": Support.EMULATED,
        "tool namespaces": Support.EMULATED,
        "web search": Support.EXACT,
        "tool choice: auto, required, none": Support.EXACT,
        "tool choice: one tool": Support.EXACT,
        "tool choice: some tools": Support.LOST,
        "parallel tool calls off": Support.EXACT,
        "images in tool results": Support.EXACT,
        "errors of tools": Support.EXACT,
        "max tokens": Support.EXACT,
        "stop sequences": Support.EXACT,
        "several choices": Support.EMULATED,
        "temperature, top_p": Support.EMULATED,
        "top_k": Support.EXACT,
        "seed": Support.LOST,
        "penalties": Support.LOST,
        "logit bias": Support.LOST,
        "logprobs": Support.LOST,
        "thinking: effort": Support.EXACT,
        "thinking: budget": Support.EXACT,
        "thinking: visibility": Support.EXACT,
        "JSON output": Support.EMULATED,
        "JSON Schema output": Support.EXACT,
        "verbosity": Support.LOST,
        "cache marks": Support.EXACT,
        "cache key": Support.EMULATED,
        "end user": Support.EXACT,
        "metadata": Support.LOST,
        "service tier": Support.LOST,
        "store": Support.LOST,
        "citations": Support.EXACT,
    }
)

SAYS: Final[Mapping[Field, Literal[True]]] = MappingProxyType(
    {
        "system": True,
        "system in mid-conversation": True,
        "images by bytes": True,
        "images by URL": True,
        "documents": True,
        "thinking of earlier turns": True,
        "tools": True,
        "web search": True,
        "tool choice: auto, required, none": True,
        "tool choice: one tool": True,
        "parallel tool calls off": True,
        "images in tool results": True,
        "errors of tools": True,
        "max tokens": True,
        "stop sequences": True,
        "temperature, top_p": True,
        "top_k": True,
        "thinking: effort": True,
        "thinking: budget": True,
        "thinking: visibility": True,
        "JSON Schema output": True,
        "cache marks": True,
        "end user": True,
        "service tier": True,
        "citations": True,
    }
)
