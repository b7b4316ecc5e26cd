"""`python -m cliproxy` is the console script."""

from cliproxy.cli import main

if __name__ == "__main__":
    main(prog_name="cliproxy")
