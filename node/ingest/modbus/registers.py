"""Registers of a device: which are read together, and what their words mean. Pure; called by poller.py.

Only registers that stand side by side are read together: one that nobody declared may be refused by the device, and its neighbours with it.
Source: MODBUS Application Protocol Specification V1.1b3, sections 4.3 and 6.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from node.ingest.errors import DecodeError
from node.ingest.numbers import Shape

WORDS_MAX = 125
"""Registers of one request (section 6.3)."""
BITS_MAX = 2_000
"""Coils or inputs of one request (section 6.1)."""


class Function(StrEnum):
    """Tables of a device that are read."""

    HOLDING = "holding"
    INPUT = "input"
    COIL = "coil"
    DISCRETE = "discrete"

    @property
    def is_bits(self) -> bool:
        """True for tables of single bits."""
        return self in (Function.COIL, Function.DISCRETE)


@dataclass(frozen=True, slots=True)
class Register:
    """One quantity in the tables of a device."""

    quantity: str
    function: Function
    address: int
    """Counted from 0, as on the wire."""
    shape: Shape
    unit: str | None = None
    low_word_first: bool = False

    @property
    def words(self) -> int:
        """Registers or bits that it takes."""
        return 1 if self.function.is_bits else (self.shape.size + 1) // 2

    def read(self, words: Sequence[int]) -> tuple[float | None, str | None] | None:
        """Value and text of its words; None when they say that there is none. Raises DecodeError."""
        if self.function.is_bits:
            return float(bool(words[0])), self.shape.states.get(str(int(bool(words[0]))))
        ordered = tuple(reversed(words)) if self.low_word_first else tuple(words)
        data = b"".join(word.to_bytes(2, "big") for word in ordered)
        # A byte alone is the low half of its register.
        return self.shape.read(data[len(data) - self.shape.size :])


@dataclass(frozen=True, slots=True)
class Block:
    """One request."""

    function: Function
    address: int
    count: int
    registers: tuple[Register, ...]


class Found(NamedTuple):
    """One value that was read."""

    quantity: str
    value: float | None
    text: str | None
    unit: str | None


def blocks(registers: Sequence[Register]) -> Iterator[Block]:
    """The requests that read `registers`, each a run of neighbours."""
    run: list[Register] = []
    for register in sorted(registers, key=lambda each: (each.function.value, each.address, each.words)):
        if run and not _fits(run, register):
            yield _block(run)
            run = []
        run.append(register)
    if run:
        yield _block(run)


def _fits(run: Sequence[Register], register: Register) -> bool:
    end = max(each.address + each.words for each in run)
    most = BITS_MAX if register.function.is_bits else WORDS_MAX
    is_next = register.function is run[0].function and register.address <= end
    return is_next and register.address + register.words - run[0].address <= most


def _block(run: Sequence[Register]) -> Block:
    start = run[0].address
    return Block(run[0].function, start, max(each.address + each.words for each in run) - start, tuple(run))


def values(block: Block, words: Sequence[int]) -> Iterator[Found | DecodeError]:
    """What the words of a block's answer say, one for each register that has a value; what cannot be read stands there as its error."""
    for register in block.registers:
        at = register.address - block.address
        try:
            found = register.read(words[at : at + register.words])
        except DecodeError as error:
            yield error
            continue
        if found is not None:
            yield Found(register.quantity, *found, register.unit)
