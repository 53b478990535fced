"""Answers of Modbus devices: what is malformed is named, what is still coming is waited for."""

from __future__ import annotations

import pytest

from node.ingest.modbus.answers import fault_in

GOOD = bytes.fromhex("0001 0000 0009 01 0306022B00000064".replace(" ", ""))
"""The example of MODBUS Application Protocol V1.1b3, section 6.3, in its TCP header."""
EXCEPTION = bytes.fromhex("000100000003018302")


@pytest.mark.parametrize("received", [GOOD, EXCEPTION, GOOD + EXCEPTION, *(GOOD[:size] for size in range(len(GOOD)))])
def test_answers_and_beginnings_of_answers_have_no_fault(received: bytes) -> None:
    assert fault_in(received) is None


@pytest.mark.parametrize(
    ("received", "words"),
    [
        ("000100010009", "protocol 1"),
        ("000100000000", "length of 0"),
        ("000100000002", "length of 2"),
        ("0001000000FF", "length of 255"),
        ("000100000009010306022B000000", None),
        ("000100000009010308022B00000064", "6 bytes of values where 8 are announced"),
        ("000100000009010304022B00000064", "6 bytes of values where 4 are announced"),
        ("000100000003010500", "function 5"),
        ("000100000003019002", "function 144"),
        ("00010000000401830200", "exception of 3 bytes"),
    ],
)
def test_what_is_malformed_is_named(received: str, words: str | None) -> None:
    fault = fault_in(bytes.fromhex(received))
    assert fault is None if words is None else words in str(fault)


def test_a_fault_behind_a_good_answer_is_found() -> None:
    assert fault_in(GOOD + b"\x00\x02\x00\x00\x00\x03\x01\x63\x00") == "function 99, which was not asked"
