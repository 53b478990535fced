"""The base of every error the node package raises on purpose, and the exit code the command line gives each.

NodeError
+-- IdentityError (node/identity/errors.py)
+-- ConfigError   (node/config/errors.py)
+-- ApiError      (node/client.py)
+-- UsageError    (node/verb.py)
"""

from __future__ import annotations

from typing import ClassVar

EXIT_OK = 0
EXIT_NEGATIVE = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3
EXIT_REFUSED = 4
EXIT_FAILED = 5
EXIT_INTERNAL = 70
EXIT_INTERRUPTED = 130
EXIT_CONFIG = 153
"""Exit codes of the command line; docs/cli.md explains each. 153 keeps a service manager from restarting on a bad configuration."""


class NodeError(Exception):
    """Base of every error this package raises on purpose: the message names the thing, its value and the way out."""

    exit_code: ClassVar[int] = EXIT_FAILED
