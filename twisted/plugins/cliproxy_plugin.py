"""Makes `twist cliproxy` and `twistd cliproxy` known. Imports nothing of ours: every run of twist reads this file."""

from twisted.application.service import ServiceMaker

cliproxy = ServiceMaker(
    "cliproxy",
    "cliproxy.tap",
    "One endpoint for every coding CLI and SDK, served from the keys and accounts you hold.",
    "cliproxy",
)
