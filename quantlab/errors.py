"""The exceptions that quantlab raises on purpose, each with the exit code it ends a command with.

Every message says what was given, what is allowed and what to do next. Anything else that escapes
from the library is a bug.
"""

from typing import ClassVar

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_PARTLY_DONE = 3
EXIT_INTEGRITY = 4
EXIT_INTERRUPTED = 130


class QuantlabError(Exception):
    """Base of all errors that quantlab raises on purpose."""

    exit_code: ClassVar[int] = EXIT_FAILED


class InputError(QuantlabError):
    """Data that cannot be used: a bad clip, table, label, array or path."""

    exit_code: ClassVar[int] = EXIT_BAD_INPUT


class ConfigError(QuantlabError):
    """A setting that is unknown, malformed or contradicts another one."""

    exit_code: ClassVar[int] = EXIT_BAD_INPUT


class IntegrityError(QuantlabError):
    """A stored file that is not what its card or manifest says it is."""

    exit_code: ClassVar[int] = EXIT_INTEGRITY


class NotFittedError(QuantlabError):
    """An object was used before `fit` gave it its learned state."""

    exit_code: ClassVar[int] = EXIT_BAD_INPUT
