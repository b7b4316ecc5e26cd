"""Neutral parts as the content of messages and of tool results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from cliproxy.conversation.losses import Losses
from cliproxy.conversation.parts import Json, Media, Part, Refusal, Text, ToolResult, VendorPart
from cliproxy.formats.openai_responses.citations import write_citation
from cliproxy.formats.openai_responses.media import write_media
from cliproxy.formats.openai_responses.words import NAME

ERROR = "Error: "
"""How the result of a tool that failed begins: the wire has no flag for it."""


@attrs.frozen
class PartWriter:
    """Writes content. What has no words here is noted."""

    losses: Losses
    breakpoints: bool
    """Cache marks are written: the client set them in this wire's own words."""

    def given(self, parts: Iterable[Part]) -> list[Json]:
        """Content of the client's side: of the user, the operator, a tool."""
        written = (self._given(part) for part in parts)
        return [part for part in written if part is not None]

    def _given(self, part: Part) -> Json:
        if isinstance(part, Text):
            return self._marked({"type": "input_text", "text": part.text}, part) if part.text else None
        if isinstance(part, Media):
            media = write_media(part, self.losses)
            return None if media is None else self._marked(media, part)
        if isinstance(part, VendorPart) and part.format == NAME:
            return dict(part.value)
        if isinstance(part, Refusal):
            return {"type": "input_text", "text": part.text}
        self.losses.drop("content", "a part that only another vendor knows")
        return None

    def _marked(self, written: dict[str, Json], part: Text | Media) -> dict[str, Json]:
        if part.cache is None:
            return written
        if self.breakpoints:
            return {**written, "prompt_cache_breakpoint": {"mode": "explicit"}}
        self.losses.emulate("cache_control", "OpenAI caches prompts by itself")
        return written

    def said(self, part: Text | Refusal) -> dict[str, Json]:
        """Content of the assistant's."""
        if isinstance(part, Refusal):
            return {"type": "refusal", "refusal": part.text}
        written: dict[str, Json] = {"type": "output_text", "text": part.text}
        if part.citations:
            if any(citation.quote for citation in part.citations):
                self.losses.drop("citations", "OpenAI cites a place in its own text, not what the source says")
            written["annotations"] = [write_citation(citation, len(part.text)) for citation in part.citations]
        return written

    def result(self, result: ToolResult) -> Json:
        """A tool's result: a string if it is no more than one text."""
        content: Sequence[Text | Media | VendorPart] = result.content
        if result.is_error:
            self.losses.emulate("is_error", f"the result begins with {ERROR.strip()!r}")
            content = _as_error(content)
        parts = self.given(content)
        if not parts:
            return ""
        only = parts[0]
        if len(parts) == 1 and isinstance(only, dict) and only.keys() == {"type", "text"}:
            return only["text"]
        return parts


def _as_error(content: Sequence[Text | Media | VendorPart]) -> Sequence[Text | Media | VendorPart]:
    if content and isinstance(content[0], Text):
        return (attrs.evolve(content[0], text=ERROR + content[0].text), *content[1:])
    return (Text(ERROR.strip()), *content)
