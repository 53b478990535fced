"""Elements of SL 651-2014 (appendix C): what a station measures, by the byte that names it, with symbol and unit. Data alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Element(NamedTuple):
    """One element."""

    symbol: str
    """The standard's own name; it becomes the quantity."""
    unit: str | None
    """UCUM code; None where the standard gives none that UCUM has."""


_CELSIUS, _METRE, _MILLIMETRE, _FLOW, _LEVEL = "Cel", "m", "mm", "m3/s", "m"


def _row(first: int, symbols: str, unit: str | None) -> dict[int, Element]:
    return {first + index: Element(symbol, unit) for index, symbol in enumerate(symbols.split())}


ELEMENTS: Mapping[int, Element] = {
    **_row(0x01, "AC", "m2"),
    **_row(0x02, "AI C", _CELSIUS),
    **_row(0x06, "ED EJ", _MILLIMETRE),
    **_row(0x08, "FL", "hPa"),
    **_row(0x09, "GH", _METRE),
    **_row(0x0A, "GN GS GT", None),
    **_row(0x0D, "GTP", _CELSIUS),
    **_row(0x0E, "H HW", _METRE),
    **_row(0x10, "M10 M20 M30 M40 M50 M60 M80 M100 MST", "%"),
    **_row(0x19, "NS", None),
    **_row(0x1A, "P1 P2 P3 P6 P12 PD PJ PN01 PN05 PN10 PN30 PR PT", _MILLIMETRE),
    **_row(0x27, "Q Q1 Q2 Q3 Q4 Q5 Q6 Q7 Q8 QA QZ", _FLOW),
    **_row(0x32, "SW UC UE", None),
    **_row(0x35, "US VA VJ", "m/s"),
    **_row(0x38, "VT", "V"),
    **_row(0x39, "Z ZB ZU Z1 Z2 Z3 Z4 Z5 Z6 Z7 Z8", _LEVEL),
    **_row(0x44, "SQ", "kg/m3"),
    **_row(0x46, "PH", "[pH]"),
    **_row(0x47, "DO", "mg/L"),
    **_row(0x48, "COND", "uS/cm"),
    **_row(0x49, "TURB", None),
    **_row(0x4A, "CODMN", "mg/L"),
    **_row(0x4B, "REDOX", "mV"),
    **_row(0x4C, "NH4N TP TN TOC CU ZN SE AS THG CD PB", "mg/L"),
    **_row(0x57, "CHLA", None),
    **_row(0x58, "WP1 WP2 WP3 WP4 WP5 WP6 WP7 WP8", "kPa"),
    **_row(0x60, "SYL1 SYL2 SYL3 SYL4 SYL5 SYL6 SYL7 SYL8", "m3"),
    **_row(0x68, "SBL1 SBL2 SBL3 SBL4 SBL5 SBL6 SBL7 SBL8", "m3"),
    **_row(0x70, "VTA VTB VTC", "V"),
    **_row(0x73, "VIA VIB VIC", "A"),
}

RAIN_SERIES = 0xF4
"""Rain of each five minutes of an hour, a byte each, in tenths of a millimetre."""
LEVEL_SERIES = range(0xF5, 0xFD)
"""Levels at each five minutes of an hour, two bytes each, in centimetres."""
STATE = 0x45
"""State and alarms of the station, four bytes of bits."""
STEP = 0x04
"""Days, hours and minutes between the values of a uniform report."""
DURATION = 0x05
OBSERVED, STATION, MANUAL, PICTURE, SPEEDS, CUSTOM = 0xF0, 0xF1, 0xF2, 0xF3, 0xFD, 0xFF
"""Time of observation; address and kind; what is no number; identifiers of the maker."""
