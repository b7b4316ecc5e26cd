"""CPU per request, added latency and memory of the daemon, beside a bare Twisted relay on the same machine."""
