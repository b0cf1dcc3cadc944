"""The commands: parse, check, call the library; errors become sentences and exit codes."""

from quantlab.cli.app import main

__all__ = ["main"]
