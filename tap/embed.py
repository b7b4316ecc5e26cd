"""Mount cliproxy inside a Twisted program of your own: its API below /llm of your site, its life in your MultiService.

python tap/embed.py            # then: curl http://127.0.0.1:8080/llm/healthz
"""

from __future__ import annotations

from twisted.application.internet import StreamServerEndpointService
from twisted.application.service import MultiService
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IReactorTime
from twisted.web.resource import Resource
from twisted.web.server import Site

import cliproxy


def application(reactor: IReactorTime, endpoint: str, config: str | None = None) -> MultiService:
    """Your program: one site, of which `/llm` is the proxy. Without a configuration the demo upstream serves."""
    root, parent = Resource(), MultiService()
    # The five lines:
    proxy = cliproxy.service(config, reactor)
    proxy.setServiceParent(parent)
    root.putChild(b"llm", proxy.resource)
    site = Site(root, reactor=reactor, parsePOSTFormSubmission=False)
    StreamServerEndpointService(serverFromString(reactor, endpoint), site).setServiceParent(parent)
    return parent


if __name__ == "__main__":
    from twisted.internet import reactor

    program = application(reactor, "tcp:8080:interface=127.0.0.1")
    program.startService()
    reactor.addSystemEventTrigger("before", "shutdown", program.stopService)
    reactor.run()
