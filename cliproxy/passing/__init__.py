"""What is passed on as it is: a reverse proxy for modules, which knows of no service in particular."""
