"""The demo as Google's Gemini API."""
