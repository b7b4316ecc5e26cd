"""Which models are asked for to serve one request: the one that the client named, and those that stand in for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from cliproxy.ask import Ask, Provision
from cliproxy.conversation.request import Reasoning
from cliproxy.errors import BadRequest, UnknownModel
from cliproxy.formats.wire import Operation
from cliproxy.routing.catalogue import Candidate
from cliproxy.routing.pool import Wanted
from cliproxy.shaping.suffix import split_suffix
from cliproxy.translate.translation import Asked, Translation

BYTES_PER_TOKEN: Final = 4
"""Of a request's JSON, about. By this the work is shared out until the answer tells."""


@attrs.frozen
class Stage:
    """A model to ask for, and what makes the request of it for whoever serves it."""

    wanted: Wanted
    translation: Translation = attrs.field(repr=False)


def stages_of(ask: Ask, provision: Provision, created: int) -> Sequence[Stage]:
    """The models that are served of those that may be, in order; at least one. `created`: Unix time in seconds.

    Raises `ClientMistake` if nobody serves any of them, or nobody has the operation.
    """
    stages: list[Stage] = []
    plain = _translation(ask, provision, created, _named(ask.model, provision)[1])
    for model in (ask.model, *_stand_ins(ask.model, provision)):
        name, reasoning = _named(model, provision)
        candidates = provision.candidates(name, ask.operation, ask.wire)
        if candidates:
            another = model != ask.model and reasoning is not None
            translation = _translation(ask, provision, created, reasoning) if another else plain
            stages.append(Stage(_wanted(ask, name, candidates), translation))
    if not stages:
        raise UnknownModel(ask.model, provision.catalogue.nearest(split_suffix(ask.model)[0]))
    if ask.operation is Operation.COMPACT and not any(_is_able(stage, ask, provision) for stage in stages):
        raise BadRequest(f"No upstream of {ask.model} can compact a conversation.")
    return stages


def _named(model: str, provision: Provision) -> tuple[str, Reasoning | None]:
    """A model's name and what its suffix asks for, unless it is served under the whole of its name."""
    name, reasoning = split_suffix(model)
    return (model, None) if model in provision.catalogue.names else (name, reasoning)


def _stand_ins(model: str, provision: Provision) -> Sequence[str]:
    """Those that are configured for the name as it was asked for, or for what it is without its suffix."""
    fallbacks = provision.retrying.fallbacks
    return fallbacks.get(model) or fallbacks.get(_named(model, provision)[0], ())


def _translation(ask: Ask, provision: Provision, created: int, reasoning: Reasoning | None) -> Translation:
    return Translation(
        Asked(
            request_id=ask.request_id,
            wire=ask.wire,
            operation=ask.operation,
            model=ask.model,
            stream=ask.stream,
            body=ask.body,
            reasoning=reasoning,
            created=created,
            array=ask.array,
        ),
        provision.rules,
    )


def _wanted(ask: Ask, name: str, candidates: Sequence[Candidate]) -> Wanted:
    generates = ask.operation is Operation.GENERATE
    return Wanted(
        name=name,
        candidates=candidates,
        kind="" if generates else f"{ask.operation.value} {ask.wire.name}",
        session=ask.session.key if ask.session is not None else b"",
        tokens=len(ask.body) // BYTES_PER_TOKEN if generates else 0,
        proves=generates,
    )


def _is_able(stage: Stage, ask: Ask, provision: Provision) -> bool:
    return provision.can_be_asked(stage.wanted.candidates[0], ask.operation, ask.wire)
