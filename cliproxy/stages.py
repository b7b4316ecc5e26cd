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
from cliproxy.routing.sessions import Session
from cliproxy.shaping.suffix import split_suffix
from cliproxy.translate.translation import Asked, Translation

BYTES_PER_TOKEN: Final = 4
"""Of a request's JSON, about. By this the work is shared out until the answer tells."""


@attrs.frozen
class Stage:
    """A model to ask for, and what makes the request of it for whoever serves it."""

    wanted: Wanted
    translation: Translation = attrs.field(repr=False)
    session: Session | None = None
    """The conversation; not looked for where that makes no difference."""


def stages_of(ask: Ask, provision: Provision, created: int) -> Sequence[Stage]:
    """The models that are served of those that may be, in order; at least one. `created`: Unix time in seconds.

    Raises `ClientMistake` if nobody serves any of them, or nobody has the operation.
    """
    found: list[tuple[str, Sequence[Candidate], Translation]] = []
    first = ask.served_as or ask.model
    plain = _translation(ask, provision, created, _named(first, provision)[1])
    for model in (first, *_stand_ins(first, provision)):
        name, reasoning = _named(model, provision)
        candidates = provision.candidates(name, ask.operation, ask.wire)
        if candidates:
            another = model != first and reasoning is not None
            translation = _translation(ask, provision, created, reasoning) if another else plain
            found.append((name, candidates, translation))
    if not found:
        raise UnknownModel(ask.model, provision.catalogue.nearest(split_suffix(ask.model)[0]))
    matters = any(_is_chosen(candidates, provision) for _, candidates, _ in found)
    session = ask.find_session() if matters else None
    stages = [
        Stage(_wanted(ask, name, candidates, session), translation, session) for name, candidates, translation in found
    ]
    if ask.operation is Operation.COMPACT and not any(_is_able(stage, ask, provision) for stage in stages):
        raise BadRequest(f"No upstream of {ask.model} can compact a conversation.")
    return stages


def _is_chosen(candidates: Sequence[Candidate], provision: Provision) -> bool:
    """Whether it matters whose request it is: there are others to go to, or a queue to stand in."""
    return len(candidates) > 1 or provision.catalogue.terms(candidates[0].credential).max_concurrency > 0


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
            renames=ask.renames,
        ),
        provision.rules,
    )


def _wanted(ask: Ask, name: str, candidates: Sequence[Candidate], session: Session | None) -> Wanted:
    generates = ask.operation is Operation.GENERATE
    return Wanted(
        name=name,
        candidates=candidates,
        kind="" if generates else f"{ask.operation.value} {ask.wire.name}",
        session=session.key if session is not None else b"",
        tokens=len(ask.body) // BYTES_PER_TOKEN if generates else 0,
        proves=generates,
    )


def _is_able(stage: Stage, ask: Ask, provision: Provision) -> bool:
    return provision.can_be_asked(stage.wanted.candidates[0], ask.operation, ask.wire)
