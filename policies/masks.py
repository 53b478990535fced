"""Masks of columns: redact, partial, generalise, pseudonym, withhold, each vectorised over the distinct values of a dictionary column.

Every mask is idempotent and leaves a value that an earlier hop masked more strongly as it is, so masks compose over hops: masking what
is masked changes nothing, and a receiver checks a column by masking it again. Called by the gate and by explanations.

The chain of a field is keep < partial, generalise < pseudonym < redact < withhold. A withheld value is null; the column's metadata says
which mask it carries (`MASK_KEY`), so a withheld value is not mistaken for an absent one.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
import pyarrow as pa

from policies.arrow import Column, call, nulls_like, to_flags, to_numpy, with_words, words_of
from policies.errors import BundleError
from policies.reading import Reader

MASK_KEY = b"yunnao.mask"
"""Arrow field metadata: `method:key:reason` of the strongest mask the column went through."""
REDACTED = "***"
"""What a redacted text reads."""
PSEUDONYM_MARK = "~"
"""First character of every pseudonym: where no word has it, none is compared with the pattern."""
PSEUDONYM_PATTERN = "^~[0-9a-f]{24}$"
"""A pseudonym: 96 bits of HMAC-SHA256."""
TOKEN_MEMO_MAX = 262_144
"""Tokens remembered per key; a full memo is emptied, which costs time and changes no result."""

_TIME_UNITS = ("hour", "day", "month", "year")


class Method(IntEnum):
    """How a value is masked; the number is the place in the chain."""

    KEEP = 0
    PARTIAL = 1
    GENERALISE = 2
    PSEUDONYM = 3
    REDACT = 4
    WITHHOLD = 5

    @property
    def word(self) -> str:
        """The lower-case name used in bundles, metadata and screens."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Mask:
    """A mask profile: a method with its parameters."""

    method: Method
    head: int = 0
    """PARTIAL: characters kept at the start."""
    tail: int = 0
    """PARTIAL: characters kept at the end."""
    width: float = 0.0
    """GENERALISE of numbers and coordinates: values are floored to a multiple of this."""
    unit: str = ""
    """GENERALISE of times: hour, day, month or year."""
    key: str = ""
    """PSEUDONYM: id of the key, one per (resource family, highest level that may see the token)."""

    @property
    def strength(self) -> tuple[int, int, float, int]:
        """Sorts masks from weak to strong; of two on one column the stronger is applied."""
        unit = _TIME_UNITS.index(self.unit) if self.unit else -1
        return (self.method, -self.head - self.tail, self.width, unit)

    @classmethod
    def of(cls, value: object, where: str) -> Mask:
        """A mask from decoded JSON or TOML; raises BundleError."""
        reader = Reader(value, where)
        word = reader.text("method")
        if word not in {method.word for method in Method}:
            raise BundleError(f"{where}.method {word!r} is not one of {', '.join(method.word for method in Method)}")
        built = cls(
            method=Method[word.upper()],
            head=reader.integer("head", 0, high=64),
            tail=reader.integer("tail", 0, high=64),
            width=reader.number("width", 0.0),
            unit=reader.text("unit", ""),
            key=reader.text("key", ""),
        )
        reader.done()
        return _checked(built, where)

    def encoded(self) -> dict[str, object]:
        """The inverse of `of`, every key present."""
        return {
            "method": self.method.word,
            "head": self.head,
            "tail": self.tail,
            "width": self.width,
            "unit": self.unit,
            "key": self.key,
        }


REDACT = Mask(Method.REDACT)
WITHHOLD = Mask(Method.WITHHOLD)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Pseudonym keys by id, as a value; where a key is missing the column is redacted instead."""

    keys: Mapping[str, bytes] = field(default_factory=dict)


class TokenTable:
    """A bounded memo of pseudonyms; it never changes a result."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._memo: dict[str, dict[str | None, str | None]] = {}

    def has(self, key: str) -> bool:
        """True when the ring has this key."""
        return key in self._ring.keys

    def tokens(self, key: str, values: list[str | None]) -> list[str | None]:
        """The pseudonyms of `values` under `key`, None for None; KeyError when the ring lacks the key."""
        memo = self._memo.setdefault(key, {None: None})
        if len(memo) + len(values) > TOKEN_MEMO_MAX:
            memo.clear()
            memo[None] = None
        secret = self._ring.keys[key]
        # Nothing is looked up again: another thread of the node may empty the memo meanwhile.
        return [memo.get(value) or self._remembered(memo, secret, value) for value in values]

    def _remembered(self, memo: dict[str | None, str | None], secret: bytes, value: str | None) -> str | None:
        if value is None:
            return None
        token = memo[value] = "~" + hmac.digest(secret, value.encode(), "sha256").hex()[:24]
        return token


def apply_mask(column: Column, mask: Mask, tokens: TokenTable) -> Column:
    """`column` masked, of the same type and length; a dictionary column keeps its indices unless the mask is WITHHOLD."""
    if mask.method is Method.KEEP:
        return column
    if mask.method is Method.WITHHOLD:
        return nulls_like(column)
    if pa.types.is_dictionary(column.type):
        return _on_dictionary(column, mask, tokens)
    if pa.types.is_string(column.type):
        return _mask_texts(column, mask, tokens)
    return _mask_plain(column, mask)


def describe(mask: Mask, reason: str) -> bytes:
    """What the column's metadata says about a mask."""
    return f"{mask.method.word}:{mask.key}:{reason}".encode()


def _on_dictionary(column: Column, mask: Mask, tokens: TokenTable) -> Column:
    known = words_of(column)
    words = _mask_texts(known, mask, tokens)
    return column if words.equals(known) else with_words(column, words)


def _mask_texts(words: Column, mask: Mask, tokens: TokenTable) -> Column:
    effective = mask
    if mask.method is Method.PSEUDONYM and not tokens.has(mask.key):
        effective = REDACT
    spared = call("equal", words, REDACTED)
    if mask.method <= Method.PSEUDONYM and _any(call("starts_with", words, PSEUDONYM_MARK)):
        spared = call("or_", spared, call("match_substring_regex", words, PSEUDONYM_PATTERN))
    if not spared.null_count and to_flags(spared).all():
        return words  # as a receiver finds them: masked by whoever sent them
    masked = _TEXT_MASKS[effective.method](words, effective, tokens)
    return call("if_else", spared, words, masked) if _any(spared) else _null_where(words, masked)


def _any(flags: Column) -> bool:
    return bool(to_numpy(call("fill_null", flags, False) if flags.null_count else flags).any())


def _null_where(words: Column, masked: Column) -> Column:
    """`masked` with a null for each null of `words`, as `if_else` gives it."""
    return call("if_else", call("is_null", words), words, masked) if words.null_count else masked


def _partial(words: Column, mask: Mask, _: TokenTable) -> Column:
    lengths = call("utf8_length", words)
    short = call("less_equal", lengths, mask.head + mask.tail)
    if not _any(short):
        head = call("utf8_slice_codeunits", words, 0, mask.head)
        stars = call("binary_repeat", "*", call("subtract", lengths, mask.head + mask.tail))
        return call("binary_join_element_wise", head, stars, call("utf8_slice_codeunits", words, -mask.tail) if mask.tail else "", "")
    first = call("if_else", call("greater", lengths, 1), call("utf8_slice_codeunits", words, 0, 1), "")
    head = call("if_else", short, first, call("utf8_slice_codeunits", words, 0, mask.head))
    tail = call("if_else", short, "", call("utf8_slice_codeunits", words, -mask.tail)) if mask.tail else ""
    kept = call("add", call("utf8_length", head), call("utf8_length", tail) if mask.tail else 0)
    stars = call("binary_repeat", "*", call("subtract", lengths, kept))
    return call("binary_join_element_wise", head, stars, tail, "")


def _pseudonym(words: Column, mask: Mask, tokens: TokenTable) -> Column:
    return pa.array(tokens.tokens(mask.key, words.to_pylist()), pa.string())


def _redact(words: Column, _: Mask, __: TokenTable) -> Column:
    return call("if_else", call("is_null", words), words, REDACTED)


_TEXT_MASKS: dict[Method, Callable[[Column, Mask, TokenTable], Column]] = {
    Method.PARTIAL: _partial,
    Method.GENERALISE: _partial,
    Method.PSEUDONYM: _pseudonym,
    Method.REDACT: _redact,
}


def _mask_plain(column: Column, mask: Mask) -> Column:
    if mask.method is Method.GENERALISE and pa.types.is_timestamp(column.type) and mask.unit:
        return call("floor_temporal", column, unit=mask.unit).cast(column.type)
    if mask.method is Method.GENERALISE and mask.width and _is_number(column.type):
        return _floor_to(column, mask.width)
    return nulls_like(column)


def _floor_to(column: Column, width: float) -> Column:
    values = to_numpy(column.cast(pa.float64(), safe=False))
    steps = np.floor(np.round(values / width, 9))
    floored = pa.array(steps * width, pa.float64(), mask=to_flags(column.is_null()))
    return floored.cast(column.type, safe=False)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _checked(mask: Mask, where: str) -> Mask:
    if mask.unit and mask.unit not in _TIME_UNITS:
        raise BundleError(f"{where}.unit {mask.unit!r} is not one of {', '.join(_TIME_UNITS)}")
    if mask.method is Method.PSEUDONYM and not mask.key:
        raise BundleError(f"{where}.key refused: a pseudonym needs the id of its key")
    if mask.method in (Method.PARTIAL, Method.GENERALISE) and not (mask.head or mask.tail or mask.width or mask.unit):
        raise BundleError(f"{where} refused: {mask.method.word} needs head, tail, width or unit")
    return mask
