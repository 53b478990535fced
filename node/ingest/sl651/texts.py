"""The body of a report of SL 651-2014 in ASCII: symbols and values as words, one after another (section 6.6.3).

Pure; called by packet.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from node.ingest.errors import DecodeError
from node.ingest.fields import checked_name, checked_number
from node.ingest.sl651.elements import ELEMENTS
from node.ingest.sl651.values import Value, levels_of_hour, rain_of_hour

UNITS = {element.symbol: element.unit for element in ELEMENTS.values()}
_STATION, _OBSERVED, _RAIN, _LEVEL = "ST", "TT", "DRP", "DRZ"
_REFUSED = ("RGZS", "PIC", "DR")
"""Beginnings of what is no number, and of uniform series, whose words are not read."""


def text_values(body: bytes, sent_us: int, time_us: Callable[[bytes], int]) -> Iterator[Value]:
    """The values of a body, in order; raises DecodeError."""
    try:
        words = iter(body.decode("ascii").split())
    except UnicodeDecodeError:
        raise DecodeError("not_text", "an ASCII report with other characters") from None
    when_us = sent_us
    for symbol in words:
        if symbol == _STATION:
            # The address stands in the header too; behind it the kind of the station.
            _next(words, symbol)
            _next(words, symbol)
        elif symbol == _OBSERVED:
            when_us = time_us(_packed(_next(words, symbol), symbol))
        elif symbol == _RAIN:
            yield from rain_of_hour(_packed(_next(words, symbol), symbol), when_us)
        elif symbol.startswith(_LEVEL):
            yield from levels_of_hour(checked_name(symbol, what="quantity"), _packed(_next(words, symbol), symbol), when_us)
        elif symbol.startswith(_REFUSED):
            raise DecodeError("sl651_element", f"element {symbol[:20]!r} is no number: its content is kept here")
        else:
            yield when_us, checked_name(symbol, what="quantity"), _number(symbol, _next(words, symbol)), UNITS.get(symbol)


def _next(words: Iterator[str], symbol: str) -> str:
    word = next(words, None)
    if word is None:
        raise DecodeError("not_a_packet", f"{symbol[:20]!r} stands at the end without a value")
    return word


def _packed(word: str, symbol: str) -> bytes:
    try:
        return bytes.fromhex(word)
    except ValueError:
        raise DecodeError("bad_value", f"{symbol[:20]} {word[:20]!r} are not digits in pairs") from None


def _number(symbol: str, word: str) -> float:
    try:
        return checked_number(float(word))
    except ValueError:
        raise DecodeError("bad_value", f"{symbol[:20]} {word[:20]!r} is not a number") from None
