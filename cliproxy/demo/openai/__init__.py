"""What the demo's two OpenAI wires have in common: words, errors, models, and how they look at schemas."""
