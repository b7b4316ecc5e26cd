"""What the proxy itself changes in a request, as pure functions: its model, its thinking, configured rules."""
