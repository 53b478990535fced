"""The one way from a foreign value to the screen: `safe` for a piece of text, `fit` for a table cell, `wrapped` for a paragraph.

Refuses to let a value act: nothing is parsed as markup, control characters, bidirectional overrides and zero-width characters become `?`,
and no value takes more cells than it is given. Called by every page and widget.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

VALUE_CHARACTERS_MAX = 1_000
"""Characters of a value that are looked at; no field on any screen shows more."""

REPLACEMENT = "?"
"""Stands for a character that must not reach the terminal; one cell everywhere."""

CUT = "~"
"""Ends a value that did not fit; the usual ellipsis takes two cells on many Chinese terminals."""

_SPACES = frozenset("\t\n\r\v\f\u00a0\u2028\u2029\u3000")
_JOINED_EMOJI = (("\U0001f1e6", "\U0001f1ff"), ("\U0001f3fb", "\U0001f3ff"))
"""Regional indicators and skin tones: terminals disagree about their width."""


def clean(value: object, *, ascii_only: bool = False) -> str:
    """`value` as one line of characters that each take one or two cells; None is empty."""
    return "" if value is None else _clean(str(value)[:VALUE_CHARACTERS_MAX], ascii_only=ascii_only)


@lru_cache(maxsize=2_048)
def _clean(text: str, *, ascii_only: bool) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(_tame(character, ascii_only=ascii_only) for character in unicodedata.normalize("NFC", text))


@lru_cache(maxsize=8_192)
def _tame(character: str, *, ascii_only: bool) -> str:
    if " " <= character <= "~":
        return character
    if character in _SPACES:
        return " "
    if "\ufe00" <= character <= "\ufe0f":
        return ""
    if ascii_only or _is_unruly(character):
        return REPLACEMENT
    return character


def _is_unruly(character: str) -> bool:
    if unicodedata.category(character)[0] in "CMZ":
        return True
    if any(first <= character <= last for first, last in _JOINED_EMOJI):
        return True
    return cell_len(character) < 1


def safe(value: object, style: str | Style = "", *, ascii_only: bool = False) -> Text:
    """`value` as plain text in `style`, whatever it contains."""
    return Text(clean(value, ascii_only=ascii_only), style=style, no_wrap=True, end="")


def cut(text: str, cells: int) -> str:
    """The beginning of `text` that fits into `cells`, with a mark at the end when something is missing."""
    if cell_len(text) <= cells:
        return text
    if cells < 1:
        return ""
    kept, used = [], 0
    for character in text:
        used += cell_len(character)
        if used > cells - 1:
            break
        kept.append(character)
    return "".join(kept) + CUT


def fit(text: Text, cells: int, *, right: bool = False) -> Text:
    """`text` in exactly `cells` cells: cut or padded, styles kept."""
    shown = cut(text.plain, cells)
    if shown != text.plain:
        head = text[: len(shown) - 1] if shown else Text()
        text = head.append(CUT, style=text.style) if shown else head
    gap = " " * (cells - cell_len(text.plain))
    return Text.assemble(gap, text) if right else Text.assemble(text, gap)


def wrapped(text: str, cells: int) -> list[str]:
    """`text` in lines of at most `cells` cells, broken at spaces where there are any and anywhere in Han text."""
    return list(_wrapped(text, cells))


@lru_cache(maxsize=256)
def _wrapped(text: str, cells: int) -> list[str]:
    lines, line, used = [], "", 0
    for piece in _pieces(text, cells):
        width = cell_len(piece)
        if used + width > cells and line:
            lines.append(line.rstrip())
            line, used = "", 0
            piece = piece.lstrip()
            width = cell_len(piece)
        line, used = line + piece, used + width
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


def _pieces(text: str, cells: int) -> list[str]:
    pieces: list[str] = []
    before, width = "", 0
    for character in text:
        glue = before and character < "\u2e80" and before < "\u2e80" and not (before == " " and character != " ")
        if glue and width + 1 < cells:
            pieces[-1] += character
            width += cell_len(character)
        else:
            pieces.append(character)
            width = cell_len(character)
        before = character
    return pieces
