"""JMESPath, bounded: an expression is compiled once and asked of decoded JSON. The one home of the library.

Refuses expressions above a length or a number of parts, and results that are no value where a value is wanted. Called by readers of profile
files; a profile is checked with it when it is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from node.ingest.errors import DecodeError, IngestError

EXPRESSION_CHARS_MAX = 500
PARTS_MAX = 64
"""Nodes of an expression's syntax tree: the work on one message is at most so many passes over it."""


class ExpressionError(IngestError):
    """An expression that is no JMESPath, or too large."""


class Expression:
    """One JMESPath expression."""

    def __init__(self, text: str) -> None:
        """Compile `text`; raises ExpressionError."""
        if not 0 < len(text) <= EXPRESSION_CHARS_MAX:
            raise ExpressionError(f"an expression of {len(text)} characters; 1 to {EXPRESSION_CHARS_MAX} are allowed")
        try:
            self._compiled = jmespath.compile(text)
        except (JMESPathError, ValueError, RecursionError) as error:
            # The library's text repeats the expression over several lines with a mark under it; what comes before says what is wrong.
            raise ExpressionError(f"{text!r} is no JMESPath: {str(error).partition(', for expression')[0]}") from None
        if (parts := _parts(self._compiled.parsed)) > PARTS_MAX:
            raise ExpressionError(f"{text!r} has {parts} parts; at most {PARTS_MAX}")
        self.text = text
        self._path = _plain_path(self._compiled.parsed)

    def of(self, content: object) -> object:
        """What the expression finds in `content`; None when it is not there. Raises DecodeError."""
        if self._path:
            # The commonest expression, keys one inside the other, is twenty times cheaper to follow than to interpret.
            for key in self._path:
                content = content.get(key) if isinstance(content, dict) else None
            return content
        try:
            found: object = self._compiled.search(content)
        except (JMESPathError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise DecodeError("expression_failed", f"{self.text!r}: {str(error).splitlines()[0]}") from None
        return found


def _plain_path(node: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys of an expression that is nothing but keys; empty for any other."""
    if node["type"] == "field":
        return (str(node["value"]),)
    if node["type"] != "subexpression":
        return ()
    paths = [_plain_path(child) for child in node["children"]]
    return tuple(key for path in paths for key in path) if all(paths) else ()


def _parts(node: Mapping[str, Any]) -> int:
    return 1 + sum(_parts(child) for child in node.get("children", ()) if isinstance(child, dict))
