"""The demo as OpenAI's Chat Completions API."""
