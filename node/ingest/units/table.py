"""Prefixes and atoms of UCUM (The Unified Code for Units of Measure, version 2.2) that sensors of a city send or store. Data alone.

The whole table of UCUM has 300 atoms, most of them of medicine and of history; a code that is missing is refused by name. A library that
reads all of it takes 27 MB of a node's memory, which is more than the node's bound of memory leaves. Codes are case sensitive.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

PREFIXES: Mapping[str, Fraction] = {
    prefix: Fraction(10) ** power
    for prefix, power in {
        "Y": 24,
        "Z": 21,
        "E": 18,
        "P": 15,
        "T": 12,
        "G": 9,
        "M": 6,
        "k": 3,
        "h": 2,
        "da": 1,
        "d": -1,
        "c": -2,
        "m": -3,
        "u": -6,
        "n": -9,
        "p": -12,
        "f": -15,
        "a": -18,
        "z": -21,
        "y": -24,
    }.items()
}


class Atom(NamedTuple):
    """One unit that is not made of a prefix and another."""

    factor: Fraction
    of: str
    """The unit that it is a multiple of, as a code; empty for a base unit."""
    is_metric: bool
    """True when prefixes may stand before it."""
    offset: Fraction = Fraction(0)
    """What is added after the factor: for temperatures whose zero is elsewhere."""


BASES = ("m", "s", "g", "rad", "K", "C", "cd")
"""The base units of UCUM."""

ARBITRARY = ("[pH]", "[NTU]", "[FNU]", "[CFU]", "[iU]", "[IU]", "B", "B[SPL]", "B[V]", "B[mV]", "B[uV]", "B[W]", "B[kW]", "Np")
"""Units that convert to nothing but themselves: procedure-defined ones, and logarithms, whose reference a factor cannot express."""

_METRIC: Mapping[str, tuple[str, str]] = {
    "Hz": ("1", "/s"),
    "N": ("1", "kg.m/s2"),
    "Pa": ("1", "N/m2"),
    "J": ("1", "N.m"),
    "W": ("1", "J/s"),
    "A": ("1", "C/s"),
    "V": ("1", "J/C"),
    "F": ("1", "C/V"),
    "Ohm": ("1", "V/A"),
    "S": ("1", "A/V"),
    "Wb": ("1", "V.s"),
    "T": ("1", "Wb/m2"),
    "H": ("1", "Wb/A"),
    "G": ("0.0001", "T"),
    "lm": ("1", "cd.sr"),
    "lx": ("1", "lm/m2"),
    "sr": ("1", "rad2"),
    "Bq": ("1", "/s"),
    "Ci": ("37000000000", "Bq"),
    "Gy": ("1", "J/kg"),
    "Sv": ("1", "J/kg"),
    "mol": ("602214076000000000000000", "1"),
    "eq": ("1", "mol"),
    "osm": ("1", "mol"),
    "kat": ("1", "mol/s"),
    "L": ("0.001", "m3"),
    "l": ("0.001", "m3"),
    "ar": ("100", "m2"),
    "t": ("1000", "kg"),
    "bar": ("100000", "Pa"),
    "cal": ("4.184", "J"),
    "m[Hg]": ("133322", "Pa"),
    "m[H2O]": ("9806.65", "Pa"),
    "bit": ("1", "1"),
    "By": ("8", "bit"),
    "Bd": ("1", "/s"),
    "dyn": ("0.00001", "N"),
    "erg": ("0.0000001", "J"),
    "P": ("0.1", "Pa.s"),
    "St": ("0.0001", "m2/s"),
    "[g]": ("9.80665", "m/s2"),
}

_PLAIN: Mapping[str, tuple[str, str]] = {
    "10*": ("10", "1"),
    "10^": ("10", "1"),
    "%": ("0.01", "1"),
    "[ppth]": ("0.001", "1"),
    "[ppm]": ("0.000001", "1"),
    "[ppb]": ("0.000000001", "1"),
    "[pptr]": ("0.000000000001", "1"),
    "min": ("60", "s"),
    "h": ("3600", "s"),
    "d": ("86400", "s"),
    "wk": ("604800", "s"),
    "mo": ("2629800", "s"),
    "a": ("31557600", "s"),
    "gon": ("0.9", "deg"),
    "'": ("1/60", "deg"),
    "''": ("1/3600", "deg"),
    "atm": ("101325", "Pa"),
    "[in_i]": ("0.0254", "m"),
    "[ft_i]": ("0.3048", "m"),
    "[yd_i]": ("0.9144", "m"),
    "[mi_i]": ("1609.344", "m"),
    "[nmi_i]": ("1852", "m"),
    "[kn_i]": ("1", "[nmi_i]/h"),
    "[lb_av]": ("453.59237", "g"),
    "[oz_av]": ("28.349523125", "g"),
    "[lbf_av]": ("4.4482216152605", "N"),
    "[psi]": ("6894.757293168361", "Pa"),
    "[gal_us]": ("0.003785411784", "m3"),
    "[gal_br]": ("0.00454609", "m3"),
    "[cft_i]": ("0.028316846592", "m3"),
    "[Btu_IT]": ("1055.05585262", "J"),
    "[HP]": ("745.6998715822702", "W"),
    "[in_i'Hg]": ("3386.3788", "Pa"),
    "[in_i'H2O]": ("249.08891", "Pa"),
}

ATOMS: Mapping[str, Atom] = {
    **{code: Atom(Fraction(1), "", True) for code in BASES},
    **{code: Atom(Fraction(1), "", code.startswith(("B", "[i", "[I", "N"))) for code in ARBITRARY},
    **{code: Atom(Fraction(factor), of, True) for code, (factor, of) in _METRIC.items()},
    **{code: Atom(Fraction(factor), of, False) for code, (factor, of) in _PLAIN.items()},
    "deg": Atom(Fraction(math.pi) / 180, "rad", False),
    "[pi]": Atom(Fraction(math.pi), "1", False),
    "Cel": Atom(Fraction(1), "K", True, Fraction("273.15")),
    "[degF]": Atom(Fraction(5, 9), "K", False, Fraction("459.67") * 5 / 9),
    "[degR]": Atom(Fraction(5, 9), "K", False),
}
"""Every atom by its code."""

WRITTEN_OTHERWISE: Mapping[str, str] = {
    "degC": "Cel",
    "celsius": "Cel",
    "degF": "[degF]",
    "%RH": "%",
    "ppm": "[ppm]",
    "ppb": "[ppb]",
    "NTU": "[NTU]",
    "dBm": "dB{mW}",
    "kWh": "kW.h",
    "Wh": "W.h",
    "Ah": "A.h",
    "mmHg": "mm[Hg]",
    "inHg": "[in_i'Hg]",
    "psi": "[psi]",
    "mph": "[mi_i]/h",
    "lux": "lx",
    "count": "{count}",
}
"""UCUM's spelling of words that devices and manuals often use; offered, never guessed."""

SENML_WORDS: dict[str, str] = {
    "%RH": "%",
    "%EL": "%",
    "/": "1",
    "ratio": "1",
    "ppm": "[ppm]",
    "ppb": "[ppb]",
    "pH": "[pH]",
    "count": "{count}",
    "dBm": "dB{mW}",
    "dBW": "dB{W}",
    "Bspl": "B[SPL]",
    "lat": "deg",
    "lon": "deg",
    "beat/min": "/min",
    "Wh": "W.h",
    "kWh": "kW.h",
    "VA": "V.A",
    "Ah": "A.h",
    "NTU": "[NTU]",
    "bit": "bit",
    "B": "By",
}
"""Units of the SenML registry (RFC 8428 section 12.1, RFC 8798) that UCUM writes otherwise."""
