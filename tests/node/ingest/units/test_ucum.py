"""UCUM codes: published conversions, the grammar, and what is refused."""

from __future__ import annotations

import pytest

from node.ingest.units.table import ATOMS, SENML_WORDS, WRITTEN_OTHERWISE
from node.ingest.units.ucum import UnitError, conversion, unit


@pytest.mark.parametrize(
    ("sent", "stored", "value", "expected"),
    [
        ("ug/m3", "mg/m3", 31.0, 0.031),
        ("[degF]", "Cel", 212.0, 100.0),
        ("Cel", "K", -273.15, 0.0),
        ("K", "Cel", 0.0, -273.15),
        ("cm", "m", 1049.0, 10.49),
        ("m3/h", "L/s", 3.6, 1.0),
        ("kW.h", "J", 1.0, 3_600_000.0),
        ("mm[Hg]", "hPa", 760.0, 1013.2472),
        ("bar", "kPa", 1.0, 100.0),
        ("[psi]", "kPa", 1.0, 6.894757293168361),
        ("[mi_i]/h", "km/h", 1.0, 1.609344),
        ("[kn_i]", "m/s", 3600.0, 1852.0),
        ("uS/cm", "S/m", 10_000.0, 1.0),
        ("%", "1", 50.0, 0.5),
        ("[ppm]", "%", 400.0, 0.04),
        ("deg", "rad", 180.0, 3.141592653589793),
        ("/h", "Hz", 3600.0, 1.0),
        ("10*3/uL", "/L", 1.0, 1e9),
        ("mg{N}/L", "ug/L", 1.0, 1000.0),
        ("mm/h", "um/s", 3.6, 1.0),
        ("kg/(m.s2)", "Pa", 1.0, 1.0),
        ("dB", "dB", 3.0, 3.0),
        ("nSv/h", "uSv/h", 95.0, 0.095),
    ],
)
def test_values_convert_as_ucum_defines_them(sent: str, stored: str, value: float, expected: float) -> None:
    assert conversion(sent, stored)(value) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("sent", "stored"), [("ug/m3", "Cel"), ("m", "s"), ("dB[SPL]", "dB[V]"), ("[pH]", "1"), ("[NTU]", "[FNU]"), ("Cel", "dB")]
)
def test_units_of_different_things_do_not_convert(sent: str, stored: str) -> None:
    with pytest.raises(UnitError, match="different things"):
        conversion(sent, stored)


@pytest.mark.parametrize(
    "code",
    ["", "m m", "Foo", "m/", "(m", "m)", "0", "m99", "Cel/m", "dB.m", "ug/m³", "10*99", "m{a}2", "1/0", "cel", "m" * 33, "m\n", "[", "{"],
)
def test_what_is_no_code_is_refused_and_named(code: str) -> None:
    with pytest.raises(UnitError, match="refused"):
        unit(code)


def test_a_unit_beyond_every_number_is_refused() -> None:
    with pytest.raises(UnitError, match="too many"):
        conversion("Ym30.m-27", "m3")
    assert conversion("ym30.m-27", "m3")(1.0) == 0.0


def test_every_atom_of_the_table_is_reachable_from_base_units() -> None:
    assert all(unit(code).dimension is not None for code in ATOMS if not code.startswith("10"))


def test_codes_are_case_sensitive() -> None:
    assert conversion("Mg", "kg")(1.0) == 1000.0
    assert conversion("mg", "kg")(1.0) == pytest.approx(1e-6)


@pytest.mark.parametrize(("word", "code"), WRITTEN_OTHERWISE.items())
def test_a_common_misspelling_is_answered_with_the_code(word: str, code: str) -> None:
    assert unit(code)
    with pytest.raises(UnitError, match="refused"):
        unit(word)


@pytest.mark.parametrize("code", SENML_WORDS.values())
def test_units_of_the_senml_registry_have_a_code(code: str) -> None:
    assert unit(code).scale


def test_division_goes_from_left_to_right() -> None:
    assert unit("m/s/s") == unit("m/s2")
    assert unit("J/m2.s") != unit("J/(m2.s)")
