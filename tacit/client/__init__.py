"""What a user runs or imports: the command line, and later the Python client."""
