"""Masks of columns: redact, partial, generalise, pseudonym, withhold, each vectorised over the distinct values of a dictionary column.

Every mask is idempotent and leaves a value that an earlier hop masked more strongly as it is, so masks compose over hops: masking what
is masked changes nothing, and a receiver checks a column by masking it again. Called by the gate and by explanations.

The chain of a field is keep < partial, generalise < pseudonym < redact < withhold. A withheld value is null; the column's metadata says
which mask it carries (`MASK_KEY`), so a withheld value is not mistaken for an absent one.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import cast

import numpy as np
import pyarrow as pa

from policies.arrow import Column, call, merged_words, nulls_like, own_copy, placed, text_hash, texts_of, to_flags, to_numpy, words_of
from policies.errors import BundleError
from policies.reading import Reader
from policies.stars import starred

MASK_KEY = b"yunnao.mask"
"""Arrow field metadata: `method:key:reason` of the strongest mask the column went through."""
REDACTED = "***"
"""What a redacted text reads."""
PSEUDONYM_MARK = "~"
"""First character of every pseudonym: where no word has it, none is compared with the pattern."""
PSEUDONYM_PATTERN = "^~[0-9a-f]{24}$"
"""A pseudonym: 96 bits of HMAC-SHA256."""
PSEUDONYM_BYTES = 25
TOKEN_MEMO_MAX = 262_144
"""Tokens remembered per key; a full memo is emptied, which costs time and changes no result."""
WORDS_MEMO_MAX = 262_144
"""Words of masked dictionaries remembered, in the same way."""

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
TAKEN = Mask(Method.PSEUDONYM)
"""Leaves alone what no mask finds anything in any more: redacted values, pseudonyms, nulls. It has no key, so all else is redacted."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Pseudonym keys by id, as a value; where a key is missing the column is redacted instead."""

    keys: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MaskedWords:
    """The words of a dictionary under a mask."""

    known: Column
    """The words before."""
    words: Column
    """The words after, those that became equal as one: two that stood apart would tell two persons apart. `known` where none changed."""
    places: Column | None
    """Which of `words` each of `known` became; None where it is the one at its own place."""


class TokenTable:
    """Bounded memos of pseudonyms, and of dictionaries that were masked before; they never change a result.

    The sensors of a street, the words of a status, the rows that a second flow asks for: dictionaries come again, and under one ring of
    keys a mask makes the same of them. One that comes for the second time is remembered; of the first, its hash alone.
    """

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._memo: dict[str, dict[str | None, bytes]] = {}
        self._dictionaries: dict[tuple[Mask, int, int], MaskedWords | None] = {}
        self._words = 0

    def has(self, key: str) -> bool:
        """True when the ring has this key."""
        return key in self._ring.keys

    def tokens(self, key: str, values: Sequence[str | None]) -> Sequence[bytes]:
        """The pseudonyms of `values` under `key`, as bytes of ASCII; for None any. KeyError when the ring lacks the key."""
        memo = self._memo.setdefault(key, {})
        if len(memo) + len(values) > TOKEN_MEMO_MAX:
            memo.clear()
        found = list(map(memo.get, values))
        if None not in found:
            return cast("list[bytes]", found)
        secret = self._ring.keys[key]
        # Nothing is looked up again: another thread of the node may empty the memo meanwhile.
        return [token or _remembered(memo, secret, value or "") for token, value in zip(found, values, strict=True)]

    def masked_words(self, words: Column, mask: Mask) -> MaskedWords:
        """The words of a dictionary masked, remembered or made now."""
        lookup = (mask, len(words), text_hash(words))
        found = self._dictionaries.get(lookup)
        # Two dictionaries may share a hash: what is remembered counts for equal words alone.
        if found is not None and found.known.equals(words):
            return found
        if self._words > WORDS_MEMO_MAX:
            self._dictionaries.clear()
            self._words = 0
        has_come_before = lookup in self._dictionaries
        made = _masked_words(own_copy(words) if has_come_before else words, mask, self)
        self._dictionaries[lookup] = made if has_come_before else None
        self._words += len(words) if has_come_before else 1
        return made


def _remembered(memo: dict[str | None, bytes], secret: bytes, value: str) -> bytes:
    token = memo[value] = b"~" + hmac.digest(secret, value.encode(), "sha256").hex()[:24].encode()
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
        return _mask_texts(column, mask, tokens, _spared(column, mask))
    return _mask_plain(column, mask)


def pseudonyms(words: Column, key: str, tokens: TokenTable) -> Column:
    """The pseudonym of each of `words`, some pseudonym for a null; KeyError when the ring lacks the key."""
    told = tokens.tokens(key, words.to_pylist())
    return texts_of(np.arange(len(told) + 1) * PSEUDONYM_BYTES, b"".join(told))


def describe(mask: Mask, reason: str) -> bytes:
    """What the column's metadata says about a mask."""
    return f"{mask.method.word}:{mask.key}:{reason}".encode()


def _on_dictionary(column: Column, mask: Mask, tokens: TokenTable) -> Column:
    masked = tokens.masked_words(words_of(column), mask)
    return column if masked.words is masked.known else placed(column, masked.words, masked.places)


def _masked_words(words: Column, mask: Mask, tokens: TokenTable) -> MaskedWords:
    spared = _spared(words, mask)
    masked = _mask_texts(words, mask, tokens, spared)
    if masked.equals(words):
        return MaskedWords(words, words, None)
    # Pseudonyms differ where the values do, unless one that an earlier hop minted stands among them: nothing becomes equal.
    is_minted = mask.method is Method.PSEUDONYM and tokens.has(mask.key) and not _any(spared)
    return MaskedWords(words, masked, None) if is_minted else MaskedWords(words, *merged_words(masked))


def _spared(words: Column, mask: Mask) -> Column:
    """Which words an earlier hop masked as strongly."""
    spared = call("equal", words, REDACTED)
    if mask.method <= Method.PSEUDONYM and _any(call("starts_with", words, PSEUDONYM_MARK)):
        return call("or_", spared, call("match_substring_regex", words, PSEUDONYM_PATTERN))
    return spared


def _mask_texts(words: Column, mask: Mask, tokens: TokenTable, spared: Column) -> Column:
    if not spared.null_count and to_flags(spared).all():
        return words  # as a receiver finds them: masked by whoever sent them
    is_keyless = mask.method is Method.PSEUDONYM and not tokens.has(mask.key)
    masked = _TEXT_MASKS[Method.REDACT if is_keyless else mask.method](words, mask, tokens)
    return call("if_else", spared, words, masked) if _any(spared) else _null_where(words, masked)


def _any(flags: Column) -> bool:
    return bool(to_numpy(call("fill_null", flags, False) if flags.null_count else flags).any())


def _null_where(words: Column, masked: Column) -> Column:
    """`masked` with a null for each null of `words`, as `if_else` gives it."""
    return call("if_else", call("is_null", words), words, masked) if words.null_count else masked


def _partial(words: Column, mask: Mask, _: TokenTable) -> Column:
    return starred(words, head=mask.head, tail=mask.tail)


def _pseudonym(words: Column, mask: Mask, tokens: TokenTable) -> Column:
    return pseudonyms(words, mask.key, tokens)


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
