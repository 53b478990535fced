"""Registers: which are read together, and what their words mean."""

from __future__ import annotations

import pytest

from node.ingest.errors import DecodeError
from node.ingest.modbus.registers import WORDS_MAX, Found, Function, Register, blocks, values
from node.ingest.numbers import Shape

HOLDING = Function.HOLDING


def register(address: int, type_: str = "uint16", size: int = 2, *, function: Function = HOLDING, low_first: bool = False) -> Register:
    """A register named by its address."""
    return Register(str(address), function, address, Shape(type_, size), low_word_first=low_first)


def spans(*registers: Register) -> list[tuple[str, int, int]]:
    """Function, address and count of each request."""
    return [(block.function.value, block.address, block.count) for block in blocks(registers)]


def test_neighbours_are_read_together_and_gaps_are_not() -> None:
    assert spans(register(4), register(0, "float32", 4), register(2), register(3)) == [("holding", 0, 5)]
    assert spans(register(0), register(2)) == [("holding", 0, 1), ("holding", 2, 1)]
    assert spans(register(0), register(0, function=Function.INPUT)) == [("holding", 0, 1), ("input", 0, 1)]


def test_a_request_asks_for_no_more_than_the_standard_allows() -> None:
    assert spans(*(register(address) for address in range(WORDS_MAX + 5))) == [("holding", 0, WORDS_MAX), ("holding", WORDS_MAX, 5)]


def test_registers_that_overlap_are_read_once() -> None:
    assert spans(register(0, "uint32", 4), register(1)) == [("holding", 0, 2)]


def test_the_words_of_the_specifications_example() -> None:
    """Section 6.3: registers 108 to 110 hold 0x022B, 0 and 100."""
    (block,) = blocks([register(address) for address in (107, 108, 109)])
    assert list(values(block, [0x022B, 0x0000, 0x0064])) == [
        Found(str(107 + at), float(word), None, None) for at, word in enumerate((555, 0, 100))
    ]


@pytest.mark.parametrize(
    ("type_", "size", "low_first", "words", "expected"),
    [
        ("float32", 4, False, [0x4148, 0x0000], 12.5),
        ("float32", 4, True, [0x0000, 0x4148], 12.5),
        ("int32", 4, False, [0xFFFF, 0xFFFE], -2.0),
        ("uint32", 4, True, [0x0001, 0x0002], 0x20001),
        ("int16", 2, False, [0xFFFF], -1.0),
        ("uint8", 1, False, [0xAB12], 0x12),
        ("bcd", 2, False, [0x1234], 1234.0),
    ],
)
def test_words_are_read_in_their_order(type_: str, size: int, low_first: bool, words: list[int], expected: float) -> None:
    (block,) = blocks([register(0, type_, size, low_first=low_first)])
    (found,) = values(block, words)
    assert isinstance(found, Found)
    assert found.value == expected


def test_a_register_that_cannot_be_read_stands_as_its_error_and_the_others_are_read() -> None:
    (block,) = blocks([register(0, "bcd", 2), register(1)])
    first, second = values(block, [0xABCD, 5])
    assert isinstance(first, DecodeError)
    assert isinstance(second, Found)


def test_bits_become_states() -> None:
    pump = Register("pump", Function.COIL, 3, Shape("uint8", 1, states={"1": "on"}))
    (block,) = blocks([pump])
    assert [*values(block, [1]), *values(block, [0])] == [Found("pump", 1.0, "on", None), Found("pump", 0.0, None, None)]
