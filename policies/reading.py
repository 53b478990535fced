"""Strict reading of decoded JSON or TOML: every bundle from a peer passes through here before it is believed.

Refuses unknown keys, wrong types, over-long texts and lists, each with the path to the place. Called by the value types' `of`
functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from policies.errors import BundleError

TEXT_CHARS_MAX = 4_000
LIST_ITEMS_MAX = 100_000
INTEGER_MAX = 2**63 - 1

_T = TypeVar("_T")


class Reader:
    """One mapping being read; each key is taken once and what is left over is refused by `done`."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, Mapping):
            raise BundleError(f"{where} refused: expected a table, got {type(value).__name__}")
        self._left: dict[object, object] = dict(value)
        self.where = where

    def text(self, key: str, default: str | None = None, *, chars_max: int = TEXT_CHARS_MAX) -> str:
        """A text of bounded length; `default` makes the key optional."""
        value = self._take(key, default)
        if not isinstance(value, str) or len(value) > chars_max:
            raise BundleError(f"{self.where}.{key} refused: expected a text of at most {chars_max} characters")
        return value

    def integer(self, key: str, default: int | None = None, *, low: int = 0, high: int = INTEGER_MAX) -> int:
        """A whole number in `low`..`high`; `default` makes the key optional."""
        value = self._take(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise BundleError(f"{self.where}.{key} refused: expected a whole number in {low}..{high}, got {_short(value)}")
        return value

    def number(self, key: str, default: float) -> float:
        """A finite number, 0 or more."""
        value = self._take(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
            raise BundleError(f"{self.where}.{key} refused: expected a number from 0, got {_short(value)}")
        return float(value)

    def flag(self, key: str, *, default: bool) -> bool:
        """A boolean, optional."""
        value = self._take(key, default)
        if not isinstance(value, bool):
            raise BundleError(f"{self.where}.{key} refused: expected true or false, got {_short(value)}")
        return value

    def items(self, key: str, build: Callable[[object, str], _T]) -> tuple[_T, ...]:
        """A list, each item built by `build(item, path)`; absent reads as empty."""
        value = self._left.pop(key, [])
        if not isinstance(value, list | tuple) or len(value) > LIST_ITEMS_MAX:
            raise BundleError(f"{self.where}.{key} refused: expected a list of at most {LIST_ITEMS_MAX}")
        return tuple(build(item, f"{self.where}.{key}[{index}]") for index, item in enumerate(value))

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; absent reads as empty."""
        return self.items(key, as_text)

    def table(self, key: str) -> dict[str, object]:
        """A table with text keys; absent reads as empty."""
        value = self._left.pop(key, {})
        if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
            raise BundleError(f"{self.where}.{key} refused: expected a table")
        return {str(name): item for name, item in value.items()}

    def done(self) -> None:
        """Refuse whatever was not asked for: an unknown key is a rule we would not enforce."""
        if self._left:
            names = ", ".join(sorted(str(key)[:60] for key in self._left))
            raise BundleError(f"{self.where} refused: unknown key {names}; this program's format does not know it")

    def _take(self, key: str, default: object) -> object:
        if key not in self._left and default is None:
            raise BundleError(f"{self.where} refused: {key} is missing")
        return self._left.pop(key, default)


def as_text(value: object, where: str) -> str:
    """`value` if it is a text of bounded length."""
    if not isinstance(value, str) or len(value) > TEXT_CHARS_MAX:
        raise BundleError(f"{where} refused: expected a text of at most {TEXT_CHARS_MAX} characters")
    return value


def _short(value: object) -> str:
    return repr(value)[:60]
