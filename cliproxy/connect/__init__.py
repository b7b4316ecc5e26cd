"""What each coding client must be told to use this daemon, and how it is put into the client's own files.

Tables and merging are pure; `listing` asks the daemon, `files` reads and writes.
"""
