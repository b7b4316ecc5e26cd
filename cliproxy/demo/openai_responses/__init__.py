"""The demo as OpenAI's Responses API."""
