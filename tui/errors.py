"""Errors of the console.

ConsoleError
+-- ApiProblem    the node did not answer a call, or answered what is not an answer
+-- PictureError  the bytes of a picture are not a picture of the stated size
"""

from __future__ import annotations


class ConsoleError(Exception):
    """Base of every error this package raises on purpose."""


class ApiProblem(ConsoleError):
    """The node did not answer a call; `code` is a stable upper-case word that the panel shows and the manual lists."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class PictureError(ConsoleError):
    """The bytes of a picture are not a picture of the stated size."""
