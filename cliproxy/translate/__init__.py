"""Between a client's format and an upstream's: requests one way, replies the other."""
