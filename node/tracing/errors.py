"""Why a recording cannot be made or used: the only error this folder raises."""

from __future__ import annotations

from typing import ClassVar

from node.errors import EXIT_USAGE, NodeError


class TraceError(NodeError):
    """The message names the file, what is wrong with it, and the way out."""

    exit_code: ClassVar[int] = EXIT_USAGE
