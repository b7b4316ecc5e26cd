"""What is said between a client and a model, in no vendor's words. Every wire format is read into this and written
from it, so that each knows one other language, not three. Imports nothing of the other rooms.
"""
