"""An upstream inside the program: it answers from a small script, needs no credential, and can misbehave."""
