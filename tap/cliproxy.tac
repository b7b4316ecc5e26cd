"""For twistd: `twistd -ny tap/cliproxy.tac`. CLIPROXY_CONFIG names the configuration; without it the demo serves."""

from __future__ import annotations

import os

from twisted.application.service import Application

from cliproxy.tap import Options, makeService

options = Options()
options.parseOptions(["--config", os.environ["CLIPROXY_CONFIG"]] if "CLIPROXY_CONFIG" in os.environ else [])
application = Application("cliproxy")
makeService(options).setServiceParent(application)
