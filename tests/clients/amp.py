"""Amp's classic client through the daemon: its models served by each format, the rest by a stand-in for Amp's service.

    python -m tests.clients amp [FORMAT ...]

The upstream serves a model of its own name alone, so that each model that Amp asks for has to be mapped. The client
passes if it did its work, asked the control plane what it asks, with the owner's key and never with its own, and if
no model was asked for there.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from tests.clients.harness import CLIENT_KEY, UPSTREAM_MODELS, configured, judged, upstreams
from tests.support.control_plane import AMP_KEY, ControlPlane, control_plane
from tests.support.processes import ANYWHERE, CLIPROXY, Process

RECIPE: Final = "amp:legacy"
MANAGEMENT: Final = "/api/internal"


def main(harness: Path, arguments: Sequence[str]) -> int:
    """Run it with all upstream formats, or with these."""
    failed = 0
    for upstream in arguments or tuple(UPSTREAM_MODELS):
        complaints = list(_complaints(harness, upstream))
        failed += bool(complaints)
        print("; ".join(complaints) or f"PASS  amp to {upstream}", flush=True)
    return 1 if failed else 0


def _complaints(harness: Path, upstream: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="amp-") as name, ExitStack() as stack:
        place = Path(name)
        plane = stack.enter_context(control_plane())
        urls, log = stack.enter_context(upstreams(harness, place, ()))
        config = place / "config.yaml"
        config.write_text(json.dumps(_configuration(upstream, urls, plane.url) | {"auth-dir": str(place / "accounts")}))
        daemon = stack.enter_context(Process((*CLIPROXY, "run", "--config", str(config), "--listen", ANYWHERE), place))
        outcomes = list(judged(harness, (RECIPE,), daemon.url, log, (), f"amp to {upstream}"))
        for outcome in outcomes:
            print(outcome.row, flush=True)
            if not outcome.ok:
                yield f"FAIL  amp to {upstream}: {outcome.why}"
        if not outcomes:
            yield f"FAIL  amp to {upstream}: it did not run"
        yield from (f"FAIL  amp to {upstream}: {complaint}" for complaint in _about(plane))


def _configuration(upstream: str, urls: Sequence[str], plane: str) -> dict[str, object]:
    model = UPSTREAM_MODELS[upstream]
    return {
        "api-keys": [CLIENT_KEY],
        **configured(upstream, urls, names=(model,)),
        "ampcode": {
            "upstream-url": plane,
            "upstream-api-key": AMP_KEY,
            "model-mappings": [{"from": ".", "to": model, "regex": True}],
        },
    }


def _about(plane: ControlPlane) -> Iterator[str]:
    """What is wrong with what came to the control plane."""
    if not plane.visits_to(MANAGEMENT):
        yield "the control plane was asked nothing"
    for visit in plane.visits:
        if CLIENT_KEY.encode() in visit.bytes:
            yield f"the client's key came to the control plane: {visit.method} {visit.target}"
        if visit.all("authorization") != [f"Bearer {AMP_KEY}"]:
            yield f"the owner's key did not come to the control plane: {visit.method} {visit.target}"
        if "/api/provider/" in visit.target:
            yield f"a model was asked for at the control plane: {visit.target}"
