"""What the file says of Amp: the section `ampcode`, and the flat keys that came before it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from cliproxy.config.addresses import base_url
from cliproxy.config.document import Section
from cliproxy.config.readers import of_text, once, secret, text, truth, upstream_key
from cliproxy.config.schema import Amp, ModelMapping, NamedModule, UpstreamKeyOf
from cliproxy.secret import Secret

_DOTTED: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", re.ASCII)


def amp(file: Section) -> Amp:
    """`ampcode`, and of the flat keys what it leaves open. The flat `…-to-localhost` counts wherever it stands.

    Unless something is said, nobody but this machine is let in: so it was when the keys were flat.
    """
    block = file.section("ampcode")
    restricted = block.value("restrict-management-to-localhost", truth, Amp().restrict_management_to_localhost)
    return Amp(
        upstream_url=block.value("upstream-url", of_text(base_url), "")
        or file.value("amp-upstream-url", of_text(base_url), ""),
        upstream_api_key=block.value("upstream-api-key", upstream_key, None)
        or file.value("amp-upstream-api-key", upstream_key, None),
        upstream_api_keys=tuple(_keys_of_clients(block)),
        restrict_management_to_localhost=file.value("amp-restrict-management-to-localhost", truth, restricted),
        model_mappings=tuple(_mappings(block, "model-mappings") or _mappings(file, "amp-model-mappings")),
        force_model_mappings=block.value("force-model-mappings", truth, False),
    )


def _keys_of_clients(block: Section) -> Iterator[UpstreamKeyOf]:
    """A client that stands twice is the first entry's."""
    taken: set[Secret] = set()
    for entry in block.entries("upstream-api-keys"):
        key = entry.value("upstream-api-key", upstream_key, None)
        clients = frozenset(entry.values("api-keys", secret))
        if clients & taken:
            entry.warning("api-keys", "a client key of an earlier entry; the earlier one counts")
        clients -= taken
        taken |= clients
        if key and clients:
            yield UpstreamKeyOf(key, clients)


def _mappings(section: Section, name: str) -> list[ModelMapping]:
    mappings = []
    for entry in section.entries(name):
        asked, target = entry.value("from", text, ""), entry.value("to", text, "")
        regex = entry.value("regex", truth, False)
        if not asked or not target:
            entry.warning("to" if asked else "from", "empty; this mapping is left out")
        elif regex and not _is_pattern(asked):
            entry.warning("from", "not a regular expression; this mapping is left out")
        else:
            mappings.append(ModelMapping(asked, target, regex))
    return list(once(tuple(mappings)))


def _is_pattern(written: str) -> bool:
    try:
        re.compile(written)
    except (re.error, RecursionError, OverflowError):
        return False
    return True


def route_modules(file: Section) -> tuple[NamedModule, ...]:
    """`route-modules`: each with a dotted path, and settings of its own."""
    modules: dict[str, NamedModule] = {}
    for entry in file.entries("route-modules"):
        path = entry.required("path", text)
        if path is None:
            continue
        if not _DOTTED.fullmatch(path):
            entry.problem("path", "expected a dotted path: package.module.Name")
        elif path in modules:
            entry.problem("path", "stands here again")
        else:
            modules[path] = NamedModule(path, entry.mapping("settings", str, entry.json))
    return tuple(modules.values())
