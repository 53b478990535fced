"""UCUM codes read, and the conversion between two of them (UCUM 2.2, sections 2.1 to 2.4 and 4). Pure.

Owns the grammar: products, quotients, exponents, prefixes, annotations, whole-number factors, brackets. Refuses an unknown code, and a unit
with an offset or a logarithm inside a product, because there a factor does not say what it means. Called by rules of profiles.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from node.ingest.errors import IngestError
from node.ingest.units.table import ATOMS, BASES, PREFIXES, WRITTEN_OTHERWISE, Atom

CODE_CHARS_MAX = 32
"""Characters of a code."""
EXPONENT_MAX = 30
"""Largest power of a component."""
CODES_KEPT = 2_048
"""Codes whose reading is remembered."""

Dimension = tuple[tuple[str, int], ...]
"""Base units with their powers, sorted, zero powers left out."""

_COMPONENT = re.compile(
    r"(?:(?P<number>[1-9]\d*)(?![\d*^])|(?P<symbol>10[*^]|(?:[A-Za-z%']|\[[^\[\]{}]{1,24}\])+)(?P<power>[+-]?\d{1,2})?)?(?P<note>\{[^{}]*\})?"
)


class UnitError(IngestError):
    """A code that is no unit, or two units that do not convert."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What a code means: a value of it times `scale` plus `offset` is a value in base units."""

    dimension: Dimension
    scale: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)
    is_special: bool = False
    """True for what may not stand in a product."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """From one unit to another: `value * numerator / denominator + offset`."""

    numerator: float
    denominator: float
    offset: float

    def __call__(self, value: float) -> float:
        """`value` in the other unit."""
        return value * self.numerator / self.denominator + self.offset


@lru_cache(maxsize=CODES_KEPT)
def unit(code: str) -> Unit:
    """The unit of a code; raises UnitError."""
    if not code or len(code) > CODE_CHARS_MAX or not code.isascii() or not code.isprintable() or " " in code:
        raise UnitError(f"unit {code[:CODE_CHARS_MAX]!r} refused: a UCUM code has 1 to {CODE_CHARS_MAX} ASCII characters without spaces")
    found, at = _term(code, 0)
    if at != len(code):
        raise UnitError(f"unit {code!r} refused at character {at + 1}: {code[at:]!r} is not UCUM")
    return found


@lru_cache(maxsize=CODES_KEPT)
def conversion(sent: str, stored: str) -> Conversion:
    """How a value in `sent` becomes one in `stored`; raises UnitError when they measure different things."""
    ours, theirs = unit(sent), unit(stored)
    if ours.dimension != theirs.dimension:
        raise UnitError(f"unit {sent!r} does not convert to {stored!r}: they measure different things")
    scale = ours.scale / theirs.scale
    offset = (ours.offset - theirs.offset) / theirs.scale
    try:
        if max(scale.numerator, scale.denominator) < 1 << 53:
            return Conversion(float(scale.numerator), float(scale.denominator), float(offset))
        return Conversion(float(scale), 1.0, float(offset))
    except OverflowError:
        raise UnitError(f"unit {sent!r} refused: it is too many {stored} for a number") from None


def _term(code: str, at: int) -> tuple[Unit, int]:
    """A product from character `at`: components divided by `.` and `/`, from left to right; a leading `/` is allowed."""
    product = Unit(())
    is_first, sign = True, 1
    if code[at : at + 1] == "/":
        is_first, sign, at = False, -1, at + 1
    while True:
        component, at = _component(code, at)
        follows = code[at : at + 1] in (".", "/")
        if is_first and not follows:
            return component, at
        product = _times(product, component, sign, code)
        if not follows:
            return product, at
        is_first, sign, at = False, 1 if code[at] == "." else -1, at + 1


def _component(code: str, at: int) -> tuple[Unit, int]:
    if code[at : at + 1] == "(":
        inner, end = _term(code, at + 1)
        if code[end : end + 1] != ")":
            raise UnitError(f"unit {code!r} refused: a bracket is not closed")
        return inner, end + 1
    found = _COMPONENT.match(code, at)
    if found is None or found.end() == at:
        raise UnitError(f"unit {code!r} refused at character {at + 1}: a unit is missing")
    if number := found["number"]:
        return Unit((), Fraction(int(number))), found.end()
    if not (symbol := found["symbol"]):
        return Unit(()), found.end()
    base = _simple(symbol, code)
    return (_power(base, int(power), code) if (power := found["power"]) else base), found.end()


def _simple(symbol: str, code: str) -> Unit:
    """An atom, or a prefix and a metric atom."""
    if (atom := ATOMS.get(symbol)) is not None:
        return _atom(symbol, atom)
    for length in (2, 1):
        factor, atom = PREFIXES.get(symbol[:length]), ATOMS.get(symbol[length:])
        if factor is not None and atom is not None and atom.is_metric:
            found = _atom(symbol[length:], atom)
            return Unit(found.dimension, found.scale * factor, found.offset, found.is_special)
    meant = WRITTEN_OTHERWISE.get(code, "")
    hint = f"write {meant!r}" if meant else "codes are case sensitive (Cel, [degF], ug/m3, %)"
    raise UnitError(f"unit {code!r} refused: {symbol!r} is no UCUM code known here; {hint}")


def _atom(symbol: str, atom: Atom) -> Unit:
    if not atom.of:
        return Unit(((symbol, 1),), is_special=symbol not in BASES)
    of = unit(atom.of)
    return Unit(of.dimension, of.scale * atom.factor, atom.offset, bool(atom.offset))


def _power(base: Unit, power: int, code: str) -> Unit:
    if base.is_special or not 0 < abs(power) <= EXPONENT_MAX:
        raise UnitError(f"unit {code!r} refused: the power {power} cannot be taken here; powers go from -{EXPONENT_MAX} to {EXPONENT_MAX}")
    return Unit(tuple((name, count * power) for name, count in base.dimension), base.scale**power)


def _times(left: Unit, right: Unit, sign: int, code: str) -> Unit:
    if left.is_special or right.is_special:
        raise UnitError(f"unit {code!r} refused: a temperature with its own zero, a logarithm or an arbitrary unit stands alone (use K)")
    powers = dict(left.dimension)
    for name, count in right.dimension:
        powers[name] = powers.get(name, 0) + sign * count
    dimension = tuple(sorted((name, count) for name, count in powers.items() if count))
    return Unit(dimension, left.scale * right.scale**sign)
