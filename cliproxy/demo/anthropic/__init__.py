"""The demo as Anthropic's Messages API."""
