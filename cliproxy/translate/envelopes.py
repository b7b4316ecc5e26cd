"""What vendors want back byte for byte, carried through a client that belongs to another vendor.

A thinking signature, encrypted reasoning: opaque to everybody but its maker, and refused when another's is shown. A
client has one field for such a thing, and returns it unchanged. So the proxy puts the maker's blob into it, in an
envelope that says whose it is, and takes it out again only for the same upstream and model; the seal keeps clients from
making envelopes of their own. Who holds the installation's secret can make them; nobody else can.

    base64( "cpxenv" | seal: 16 bytes | kind: 1 byte | binding: 8 bytes | the blob )

Base64 because Google's SDK decodes the field to bytes, and writes it again in the URL-safe alphabet.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from enum import Enum
from typing import Final

import attrs

MAGIC: Final = b"cpxenv"
MARK: Final = base64.b64encode(MAGIC).decode()
"""How every envelope begins; in a body without it nothing need be looked for."""
DIGEST_BYTES: Final = 16
"""Of `digest_of`."""
_SEAL_BYTES: Final = 16
_BINDING_BYTES: Final = 8
_HEAD_BYTES: Final = len(MAGIC) + _SEAL_BYTES + 1 + _BINDING_BYTES
_URL_SAFE: Final = str.maketrans("-_", "+/")
_VERSION: Final = re.compile(r"[-@](?:\d{4}-?\d{2}-?\d{2}|\d{3,4}|latest|preview(?:-.*)?|exp(?:-.*)?)$")


class Kind(Enum):
    """What is in an envelope."""

    SIGNED = b"s"
    """A signature or an encrypted text, beside what may be read."""
    REDACTED = b"r"
    """Anthropic's redacted thinking, of which nothing may be read."""
    SPOKEN = b"t"
    """The digest of reasoning that the vendor wants back as it can be read (`reasoning_content`)."""


@attrs.frozen
class Maker:
    """Who can read a blob: an upstream, and a family of its models."""

    origin: str
    family: str

    @classmethod
    def of(cls, origin: str, model: str) -> Maker:
        """The maker that an upstream's model is; its dated and its preview versions are one family."""
        return cls(origin, _VERSION.sub("", model))

    def binding(self) -> bytes:
        """The same in eight bytes that tell a client nothing."""
        return hashlib.blake2b(f"{self.origin}\0{self.family}".encode(), digest_size=_BINDING_BYTES).digest()


@attrs.frozen
class Opened:
    """What was in an envelope."""

    kind: Kind
    value: str


class Envelopes:
    """Seals and opens. `secret`: the installation's; with another one, what was sealed before is not known any more."""

    def __init__(self, secret: bytes) -> None:
        self._secret = hashlib.blake2b(secret, person=b"cpx-envelopes").digest()

    def seal(self, value: str, kind: Kind, maker: Maker) -> str:
        """The envelope, in standard base64."""
        inner = kind.value + maker.binding() + value.encode("utf-8", "surrogatepass")
        return base64.b64encode(MAGIC + self._seal(inner) + inner).decode()

    def open(self, sealed: str, maker: Maker) -> Opened | None:
        """What `maker` is to have back; None if this is no envelope of ours, or another maker's."""
        if not sealed.startswith(MARK):
            return None
        text = sealed.translate(_URL_SAFE)
        try:
            content = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
            kind = Kind(content[_HEAD_BYTES - _BINDING_BYTES - 1 :][:1])
            value = content[_HEAD_BYTES:].decode("utf-8", "surrogatepass")
        except (binascii.Error, ValueError):
            return None
        seal, inner = content[len(MAGIC) : len(MAGIC) + _SEAL_BYTES], content[len(MAGIC) + _SEAL_BYTES :]
        binding = inner[1 : 1 + _BINDING_BYTES]
        if not hmac.compare_digest(seal, self._seal(inner)) or binding != maker.binding():
            return None
        return Opened(kind, value)

    def _seal(self, inner: bytes) -> bytes:
        return hashlib.blake2b(inner, key=self._secret, digest_size=_SEAL_BYTES).digest()


def digest_of(reasoning: str) -> str:
    """By which reasoning that comes back is known to be unchanged."""
    return hashlib.blake2b(reasoning.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).hexdigest()
