"""Cells as people type them: stray and full-width characters, numbers and dates of a spreadsheet, all as one kind of text.

Called by the readers of sheets (`text_of`) and by whoever compares what was typed with a known word (`folded`).
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, time

CELL_CHARS_MAX = 4_000
"""Characters of one cell; as long as a text of a bundle may be."""

_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060\ufeff\u00ad\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BLANK = re.compile(r"\s+")
_NOISE = re.compile(r"\([^)]*\)|[\s*:;,._/-]")


def text_of(value: object) -> str:
    """A cell as text: without invisible characters, outer and doubled blanks; whole numbers without a point; dates as ISO 8601."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    return _BLANK.sub(" ", _INVISIBLE.sub("", str(value))).strip()


def half_width(text: str) -> str:
    """A text with full-width characters made half-width (NFKC), without outer blanks."""
    return unicodedata.normalize("NFKC", text).strip()


def folded(text: str) -> str:
    """A text as codes and words are compared: half-width and in lower case."""
    return half_width(text).casefold()


def header_key(text: str) -> str:
    """A header as headers are compared: folded, without blanks, punctuation and what stands in brackets."""
    return _NOISE.sub("", folded(text))
