"""The ``m3it`` command. Each command parses, calls one library function and prints."""

from m3it_builder.cli.main import app, main

__all__ = ["app", "main"]
