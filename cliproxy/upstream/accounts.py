"""What is known of one credential, as far as it takes to use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import attrs
from hyperlink import EncodedURL

from cliproxy.config.schema import Proxy
from cliproxy.formats.codec import Dialect
from cliproxy.secret import Secret

Way = Proxy | Literal["direct", "demo"]
"""How an upstream is reached: through a forward proxy, directly, or as the demo inside this program."""


REDACTED: Final = b"[redacted]"
LEAST_KEY_BYTES: Final = 8
"""A shorter key, which no vendor gives, may stand in a text by chance."""


@attrs.frozen
class Account:
    """A key for one upstream: one that the configuration names, or the access token of a login."""

    id: str
    provider: str
    """A row of `PROVIDERS`."""
    base_url: EncodedURL
    key: Secret
    """Empty: the upstream needs none."""
    bearer: bool
    """The key goes out as `Authorization: Bearer`; if not, in the provider's own header."""
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False, hash=False)
    way: Way = "direct"
    dialect: Dialect = attrs.field(factory=Dialect)
    origin: str = ""
    """Whose reasoning it can read: the wire format and the host, such as `gemini@aiplatform.googleapis.com`."""
    required: Mapping[bytes, bytes] = attrs.field(factory=dict, repr=False, hash=False)
    """Headers that its vendor's protocol asks of it, names in lower case: which of a login's accounts is meant, say.
    `headers`, which its owner wrote, stand above them.
    """
    betas: tuple[bytes, ...] = ()
    """What `anthropic-beta` must name, beside what the client names there."""
    renewable: bool = False
    """The key is a login's: after a 401 another one may be had by a refresh."""

    def redacted(self, body: bytes) -> bytes:
        """What an upstream said, without this account's key: some repeat it when they refuse it."""
        key = self.key.reveal().encode()
        return body.replace(key, REDACTED) if len(key) >= LEAST_KEY_BYTES else body
