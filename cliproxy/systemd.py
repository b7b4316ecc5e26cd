"""Telling systemd how the daemon is (`Type=notify`): a datagram to the socket that it names. No library needed.

Source: sd_notify(3). Without `NOTIFY_SOCKET` nothing is sent.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

READY = "READY=1"
STOPPING = "STOPPING=1"


def reloading(monotonic_microseconds: int) -> str:
    """That a reload has begun; systemd wants the time, to tell this reload's READY from an earlier one."""
    return f"RELOADING=1\nMONOTONIC_USEC={monotonic_microseconds}"


def notify(state: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Send a state. Whether somebody was there to take it."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.sendto(state.encode(), address)
    except OSError:
        return False
    return True
