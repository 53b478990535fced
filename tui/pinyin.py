"""Pinyin initials of Chinese names, so that an operator can filter without switching the input method.

The first 3,755 characters of GB 2312 are sorted by pinyin, so the encoded value tells the initial letter; rarer characters have none.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache

_FIRST_CODES = (
    0xB0A1, 0xB0C5, 0xB2C1, 0xB4EE, 0xB6EA, 0xB7A2, 0xB8C1, 0xB9FE, 0xBBF7, 0xBFA6, 0xC0AC, 0xC2E8,
    0xC4C3, 0xC5B6, 0xC5BE, 0xC6DA, 0xC8BB, 0xC8F6, 0xCBFA, 0xCDDA, 0xCEF4, 0xD1B9, 0xD4D1, 0xD7FA,
)  # fmt: skip
_LETTERS = "abcdefghjklmnopqrstwxyz"


@lru_cache(maxsize=16_384)
def initials(name: str) -> str:
    """The pinyin initial of each common Han character, other characters as they are, all in lower case."""
    return "".join(_initial(character) for character in name).lower()


def _initial(character: str) -> str:
    code = int.from_bytes(character.encode("gb2312", errors="ignore"), "big")
    place = bisect_right(_FIRST_CODES, code) - 1
    return _LETTERS[place] if 0 <= place < len(_LETTERS) and code > 0xFF else character
