"""Gemini's older paths, in which Amp asks Google's models: which model and action stand in one."""

from __future__ import annotations


def gemini_action(rest: str) -> tuple[str, str] | None:
    """Model and action of what stands behind a version, `v1beta1/` or `v1beta/`; None if it asks nothing of a model.

        publishers/google/models/gemini-2.5-pro:generateContent
        projects/p/locations/l/publishers/google/models/gemini-2.5-pro:generateContent
        models/gemini-2.5-pro:generateContent

    Before `models` stand collections, each with the name of one in it. A model's name may hold slashes and colons.
    """
    path, _, action = rest.lstrip("/").rpartition(":")
    if not action or "/" in action:
        return None
    segments = path.split("/")
    for place in range(0, len(segments), 2):
        if segments[place] == "models":
            model = "/".join(segments[place + 1 :]).lstrip("/")
            return (model, action) if model.strip() else None
    return None
