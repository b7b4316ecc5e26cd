"""Amp's door: its clients' models are served here, and whatever else they ask is passed on to its control plane."""
