"""One request, made ready for whichever upstream is to be asked: bytes for the way out, and readers for the way back.

same format:   edit in place -> bytes                                    passed on as they come
another:       decode -> open blobs -> fit to model -> fit to wire       decode -> stages -> encode
               -> encode -> configured rules -> bytes
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from cliproxy.config.schema import Payload
from cliproxy.conversation.capabilities import Capabilities
from cliproxy.conversation.losses import Loss, Losses
from cliproxy.conversation.parts import JsonObject
from cliproxy.conversation.reply import Fold, Reply, merge, unfold
from cliproxy.conversation.request import Reasoning, Request
from cliproxy.errors import BadRequest
from cliproxy.formats import CODECS
from cliproxy.formats.codec import Dialect, Framing, Target
from cliproxy.formats.jsontext import dumps, loads
from cliproxy.formats.requests import read_object
from cliproxy.formats.wire import Document, Operation, WireFormat
from cliproxy.shaping.estimate import estimate_bytes
from cliproxy.shaping.fit import fit_to_model
from cliproxy.shaping.in_place import changes_between
from cliproxy.shaping.model import rename_model
from cliproxy.shaping.payload import apply_to_document
from cliproxy.shaping.payload import changes_for as payload_changes
from cliproxy.shaping.spans import Change, edit
from cliproxy.shaping.table import CapabilityTable
from cliproxy.translate.backends import BACKENDS, Backend
from cliproxy.translate.blobs import Sealer, open_blobs
from cliproxy.translate.counting import count_body
from cliproxy.translate.envelopes import MARK, Envelopes, Maker, digest_of
from cliproxy.translate.fitting import fit
from cliproxy.translate.foreign import without_envelopes
from cliproxy.translate.memory import ReasoningMemory
from cliproxy.translate.others_calls import changes_for_others_calls
from cliproxy.translate.readers import ReplyHead, ReplyReader, passing
from cliproxy.translate.rework import Rework, ReworkedReply
from cliproxy.translate.stages import Stage
from cliproxy.translate.translated import (
    BodySource,
    KeepingWriter,
    RewordedBody,
    Source,
    StreamSource,
    TranslatedReply,
    WholeWriter,
    Writer,
    told_count,
)

_MODEL_IN_URL: Final = frozenset({"gemini"})
"""Formats whose body names no model."""
_SIGNS_TEXTS: Final = frozenset({"gemini"})
"""Formats whose models sign what they show, too."""


@attrs.frozen
class Rules:
    """What translations work with: the installation's, and the configuration's."""

    envelopes: Envelopes
    memory: ReasoningMemory
    capabilities: CapabilityTable
    payload: Payload = attrs.field(factory=Payload)
    strict: bool = False


@attrs.frozen
class Asked:
    """What a client sent, as far as translating it needs to know."""

    request_id: str
    wire: WireFormat
    operation: Operation
    model: str
    """As the client calls it, a thinking suffix included."""
    stream: bool
    body: bytes = attrs.field(repr=False)
    reasoning: Reasoning | None
    """What the model's suffix asks for, if it had one."""
    created: int
    """Unix time in seconds."""
    array: bool = False
    """A Gemini client that streams without `alt=sse`."""
    renames: bool = False
    """The reply says `model`, whatever the upstream calls it."""


@attrs.frozen
class Upstream:
    """Who is to be asked."""

    wire: WireFormat
    origin: str
    """Whose blobs it can read: format and host."""
    model: str
    """As the upstream calls it."""
    dialect: Dialect

    @property
    def backend(self) -> Backend:
        """What goes beside the wire's own rules."""
        return BACKENDS[self.dialect.backend]


@attrs.frozen
class Prepared:
    """A request that is ready to go out."""

    body: bytes = attrs.field(repr=False)
    losses: tuple[Loss, ...]
    request: Request | None = attrs.field(default=None, repr=False)
    """None: the formats are the same, and nothing was decoded."""
    stages: tuple[Stage, ...] = ()
    renames: str | None = None
    """What the client calls the model, where a reply that is passed on would call it otherwise."""
    times: int = 1
    """How often the upstream is to be asked: once for each answer, if it gives one at a time."""
    reworked: bool = False
    """A success is not passed on byte for byte, so that its length is another than the upstream's."""
    collected: bool = False
    """The client wants no stream, but the upstream sends one: of a success that is a stream, a body is made."""


_TELL_INPUT_FIRST: Final = frozenset({"anthropic"})
"""Formats whose streams say how long the prompt is before the upstream does."""
_KEPT_ELSEWHERE: Final = ("previous_response_id", "conversation", "prompt", "cachedContent")
"""Fields that stand for a part of the conversation: left out, the model would answer another question."""
MAX_TIMES: Final = 8
"""Answers that are asked for one by one: each costs a whole request."""


def _bounded(choices: int) -> int:
    if choices > MAX_TIMES:
        raise BadRequest(
            f"n: This upstream gives one answer at a time; at most {MAX_TIMES} are asked for, not {choices}."
        )
    return choices


def _written(body: JsonObject) -> bytes:
    try:
        return dumps(body)
    except ValueError:
        raise _too_deep() from None


def _read(body: bytes) -> JsonObject:
    """The document; an empty one of a body that is nested too deeply, and left for the vendor to refuse."""
    try:
        document = loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _rework(upstream: Upstream, head: ReplyHead) -> Rework | None:
    rework = upstream.backend.rework
    return rework(head) if rework is not None and head.status < 300 else None


def _after(rework: Rework | None, reader: ReplyReader) -> ReplyReader:
    return reader if rework is None else ReworkedReply(rework, reader)


def _too_deep() -> BadRequest:
    return BadRequest("The request body is nested too deeply.")


def _dialect(upstream: Upstream, capabilities: Capabilities) -> Dialect:
    """The upstream's, with what hangs on the model: whose capabilities are known, the host's rule yields to them."""
    together = capabilities.reasoning_with_tools and (capabilities.known or upstream.dialect.reasoning_with_tools)
    return attrs.evolve(upstream.dialect, reasoning_with_tools=together)


def _bears_a_forced_tool(request: Request, capabilities: Capabilities) -> bool:
    thinks = request.reasoning.mode != "off" and request.reasoning != Reasoning()
    return capabilities.forced_tools and (capabilities.forced_tools_while_thinking or not thinks)


class Translation:
    """All of one exchange's. State: the request as decoded, once an upstream needs it so."""

    def __init__(self, asked: Asked, rules: Rules) -> None:
        self._asked = asked
        self._rules = rules
        self._decoded: Request | None = None
        self._decoding = Losses()

    def prepare(self, upstream: Upstream) -> Prepared:
        """The body for one upstream. Raises `BadRequest` for what it cannot understand, or, strict, not carry over."""
        if upstream.wire is self._asked.wire and not self._must_be_translated(upstream.backend):
            return self._edited(upstream)
        losses = Losses()
        prepared = self._translated(upstream, losses)
        if self._rules.strict and losses.dropped:
            lost = "; ".join(f"{loss.field}: {loss.why}" for loss in losses.dropped)
            raise BadRequest(f"translation.strict: {lost}.")
        return prepared

    def reader(self, upstream: Upstream, prepared: Prepared, head: ReplyHead) -> ReplyReader:
        """What reads the upstream's reply: a success, if the formats differ."""
        asked = self._asked
        if prepared.request is None:
            return self._passing(upstream, prepared, head)
        if asked.operation is Operation.COUNT_TOKENS:
            codecs = CODECS[upstream.wire.name], CODECS[asked.wire.name]
            return RewordedBody(lambda body: told_count(*codecs, body))
        writer = self._writer(prepared.request)
        return self._translating(upstream, prepared, head, writer, streamed=asked.stream or asked.array)

    def keeper(self, upstream: Upstream, prepared: Prepared, head: ReplyHead, kept: Fold) -> ReplyReader:
        """What reads one of several answers: it is kept, and nothing told."""
        return self._translating(upstream, prepared, head, KeepingWriter(kept), streamed=False)

    def merged(self, prepared: Prepared, replies: Sequence[Reply]) -> bytes:
        """Several answers as the choices of one reply, in the client's words."""
        assert prepared.request is not None
        writer = self._writer(prepared.request)
        return b"".join(writer.feed(event) for event in unfold(merge(replies)))

    def _passing(self, upstream: Upstream, prepared: Prepared, head: ReplyHead) -> ReplyReader:
        collected = upstream.backend.collected
        if prepared.collected and collected is not None and head.is_stream:
            body = attrs.evolve(head, content_type=b"application/json")
            return ReworkedReply(collected(upstream.wire), passing(upstream.wire, body, prepared.renames))
        rework = _rework(upstream, head) if prepared.reworked else None
        return _after(rework, passing(upstream.wire, head, prepared.renames))

    def _translating(
        self, upstream: Upstream, prepared: Prepared, head: ReplyHead, writer: Writer, *, streamed: bool
    ) -> ReplyReader:
        assert prepared.request is not None
        codec = CODECS[upstream.wire.name]
        source: Source = StreamSource(upstream.wire, codec.reply_decoder()) if head.is_stream else BodySource(codec)
        stages = (self._sealer(upstream, prepared.request), *prepared.stages)
        reader = TranslatedReply(source, stages, writer, self._asked.wire, streamed)
        return _after(_rework(upstream, head), reader)

    @property
    def decoded(self) -> Request:
        """The request in the neutral words. Raises `BadRequest`."""
        if self._decoded is None:
            try:
                self._decoded = CODECS[self._asked.wire.name].decode_request(self._document(), self._decoding)
            except ValueError:  # what can just be read may be nested too deeply to be written
                raise _too_deep() from None
        return self._decoded

    @property
    def _understood(self) -> bool:
        """Whether the request can be decoded. If not, its own vendor may still know what to do with it."""
        try:
            return self.decoded is not None
        except BadRequest:
            return False

    # -- the same format

    def _edited(self, upstream: Upstream) -> Prepared:
        """The client's own bytes, but for what must be another."""
        asked = self._asked
        body = asked.body
        another = upstream.model != asked.model
        if another and upstream.wire.name not in _MODEL_IN_URL:
            body = rename_model(body, upstream.model)
        renamed = another or asked.renames
        renames = asked.model if renamed and asked.operation is Operation.GENERATE else None
        losses: tuple[Loss, ...] = ()
        if MARK.encode() in body:
            body, losses = without_envelopes(body, upstream.wire.name)
        noted = Losses()
        changes: list[Change] = [*changes_for_others_calls(upstream.wire.name, body, upstream.model, noted)]
        if asked.operation is Operation.GENERATE and (another or asked.reasoning is not None):
            changes += self._fitting_changes(upstream, noted)
        backend = upstream.backend
        if backend.changes is not None:
            body = edit(body, changes) if changes else body
            changes = [*backend.changes(_read(body), body, asked.operation, upstream.dialect, noted)]
        changes += self._configured(upstream)
        body = edit(body, changes) if changes else body
        body = self._sent(upstream, body, noted)
        generates = asked.operation is Operation.GENERATE
        return Prepared(
            body,
            (*losses, *noted),
            renames=renames,
            reworked=generates and backend.rework is not None,
            collected=generates and backend.collected is not None and not asked.stream,
        )

    def _must_be_translated(self, backend: Backend) -> bool:
        asked = self._asked
        unfit = backend.must_be_translated
        return unfit is not None and asked.operation is Operation.GENERATE and unfit(asked.body)

    def _sent(self, upstream: Upstream, body: bytes, losses: Losses) -> bytes:
        sent = upstream.backend.sent
        return body if sent is None else sent(body, upstream.model, upstream.dialect, self._asked.operation, losses)

    def _fitting_changes(self, upstream: Upstream, losses: Losses) -> Sequence[Change]:
        """What the model refuses that the client could not know would be asked."""
        capabilities = self._rules.capabilities.of(upstream.model)
        if self._asked.reasoning is None and not (capabilities.known and self._understood):
            return ()
        asked = request = self.decoded
        if self._asked.reasoning is not None:
            request = attrs.evolve(request, reasoning=self._asked.reasoning)
        fitted = fit_to_model(request, capabilities, losses)
        return changes_between(upstream.wire.name, asked, fitted, self._document())

    def _configured(self, upstream: Upstream) -> Sequence[Change]:
        """What the configuration changes of a body. A token counter refuses what it does not know, so it gets none."""
        if self._asked.operation is Operation.COUNT_TOKENS:
            return ()
        return payload_changes(self._rules.payload, upstream.model, upstream.wire.name)

    # -- another format

    def _translated(self, upstream: Upstream, losses: Losses) -> Prepared:
        asked, rules = self._asked, self._rules
        request = self.decoded
        for field in _KEPT_ELSEWHERE:
            if request.extras.get(field):
                raise BadRequest(f"{field}: What it names is kept by another vendor; send the whole conversation.")
        losses.extend(self._decoding)
        capabilities = rules.capabilities.of(upstream.model)
        if asked.reasoning is not None:
            request = attrs.evolve(request, reasoning=asked.reasoning)
        maker = Maker.of(upstream.origin, upstream.model)
        request = open_blobs(request, maker, rules.envelopes, rules.memory, losses)
        request = fit_to_model(request, capabilities, losses)
        codec = CODECS[upstream.wire.name]
        times = 1
        if request.choices > 1 and not codec.limits.choices:
            times = _bounded(request.choices)
            losses.emulate("n", f"the upstream is asked {times} times")
            request = attrs.evolve(request, choices=1)
        limits = codec.limits if upstream.dialect.custom_tools else attrs.evolve(codec.limits, custom_tools=False)
        fitted = fit(
            request,
            limits,
            losses,
            structured=capabilities.structured,
            json_mode=limits.json_mode,
            forced_tools=_bears_a_forced_tool(request, capabilities),
            target=upstream.wire.name,
        )
        target = Target(upstream.model, _dialect(upstream, capabilities), capabilities.max_output_tokens)
        body = codec.encode_request(fitted.request, target, losses)
        if asked.operation is Operation.COUNT_TOKENS:
            body = count_body(upstream.wire.name, body, upstream.model)
        if upstream.backend.changes is not None:
            changes = upstream.backend.changes(body, None, asked.operation, upstream.dialect, losses)
            body = apply_to_document(body, changes)
        configured = self._configured(upstream)
        if configured:
            body = apply_to_document(body, configured)
        ready = self._sent(upstream, _written(body), losses)
        return Prepared(ready, tuple(losses), self.decoded, tuple(fitted.stages), times=times)

    def _document(self) -> Document:
        """The client's body, with what its URL says in it."""
        try:
            document = loads(self._asked.body)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            return read_object(self._asked.body)
        if self._asked.wire.name in _MODEL_IN_URL:
            document |= {"model": self._asked.model, "stream": self._asked.stream or self._asked.array}
        return document

    def _writer(self, request: Request) -> Writer:
        asked = self._asked
        codec = CODECS[asked.wire.name]
        seed = "".join(letter for letter in asked.request_id.lower().removeprefix("req_") if letter.isalnum())
        estimate = estimate_bytes(asked.body) if asked.wire.name in _TELL_INPUT_FIRST else 0
        framing = Framing(request, asked.model, seed, asked.created, estimate, asked.array)
        return codec.reply_encoder(framing) if asked.stream or asked.array else WholeWriter(codec, framing)

    def _sealer(self, upstream: Upstream, request: Request) -> Sealer:
        maker = Maker.of(upstream.origin, upstream.model)
        rules, conversation = self._rules, digest_of(request.conversation_seed)
        signs_texts = upstream.wire.name in _SIGNS_TEXTS
        return Sealer(maker, rules.envelopes, rules.memory, conversation, signs_texts=signs_texts)
