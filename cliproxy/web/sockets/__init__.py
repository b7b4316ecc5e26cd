"""`GET /v1/responses` as a WebSocket: what Codex tries first, and what OpenAI's SDKs call `responses.connect`.

    handshake -> socket (frames, pings, closing) -> session (whose turn it is) -> exchange -> sink -> socket

Each frame asks for one response, in a body that says only what is new since an earlier response of the same connection.
So the session keeps the conversation, and the exchange gets an ordinary request; what it tells, the sink cuts into
frames of one event each.
"""
