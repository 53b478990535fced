"""Numbers that prove themselves: resident ids, credit codes and bank cards by their check digits, mobiles and plates by their form.

Every function takes distinct texts (an Arrow string column) and gives one flag per text; a null is False. Texts come folded: half-width,
upper case, without spaces. Owns no threshold. Called by the rules of this package and by the catalogue's own checks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from policies.arrow import Chosen, Column, call, to_flags

PROVINCES = "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新"
"""First character of a plate (GA 36)."""
PROVINCE_CODES = "1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]|9[01]"
"""First two digits of a resident id: provinces, 71 and 81-83 for Taiwan, Hong Kong and Macao, 9 for permanent residents from abroad."""

_DATE = "(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
_ID_18 = f"^(?:{PROVINCE_CODES})[0-9]{{4}}{_DATE}[0-9]{{3}}[0-9X]$"
_ID_15 = f"^(?:{PROVINCE_CODES})[0-9]{{4}}[0-9]{{2}}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{{3}}$"
_ID_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
_ID_CHECKS = np.frombuffer(b"10X98765432", np.uint8)
_CREDIT_ALPHABET = b"0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT = f"^[{_CREDIT_ALPHABET.decode()}]{{2}}[0-9]{{6}}[{_CREDIT_ALPHABET.decode()}]{{10}}$"
_CREDIT_VALUES = np.full(256, -1, np.int64)
_CREDIT_VALUES[np.frombuffer(_CREDIT_ALPHABET, np.uint8)] = np.arange(len(_CREDIT_ALPHABET))
_CREDIT_WEIGHTS = np.array([pow(3, place, 31) for place in range(17)])
_CARD = "^(?:3[0-9]|4[0-9]|5[1-5]|6[0-9]|9[0-9])[0-9]{13,17}$"
CARD_DIGITS = (15, 16, 17, 18, 19)
_MOBILE = r"^(?:\+?86|0086)?1[3-9][0-9]{9}$"
_LETTERS = "A-HJ-NP-Z"
_PLATE = (
    f"^[{PROVINCES}][{_LETTERS}][·.-]?(?:[{_LETTERS}0-9]{{4}}[{_LETTERS}0-9挂学警港澳]"
    f"|[DFABCEGHJK][{_LETTERS}0-9][0-9]{{4}}|[0-9]{{5}}[DFABCEGHJK])$"
)


def resident_ids(texts: Column) -> Chosen:
    """GB 11643: 18 characters with province, date and check digit (ISO 7064 MOD 11-2)."""

    def check(rows: npt.NDArray[np.uint8]) -> Chosen:
        sums = (rows[:, :17].astype(np.int64) - 48) @ _ID_WEIGHTS
        return np.asarray(_ID_CHECKS[sums % 11] == rows[:, 17], dtype=np.bool_)

    return _checked(texts, _ID_18, (18,), check)


def old_resident_ids(texts: Column) -> Chosen:
    """The 15-digit form before 1999: province and date only, there is no check digit."""
    return matches(texts, _ID_15)


def credit_codes(texts: Column) -> Chosen:
    """GB 32100: unified social credit codes of 18 characters with their check character."""

    def check(rows: npt.NDArray[np.uint8]) -> Chosen:
        values = _CREDIT_VALUES[rows]
        return np.asarray((31 - values[:, :17] @ _CREDIT_WEIGHTS % 31) % 31 == values[:, 17], dtype=np.bool_)

    return _checked(texts, _CREDIT, (18,), check)


def bank_cards(texts: Column) -> Chosen:
    """15 to 19 digits whose Luhn sum holds (ISO/IEC 7812)."""

    def check(rows: npt.NDArray[np.uint8]) -> Chosen:
        digits = rows[:, ::-1].astype(np.int64) - 48
        digits[:, 1::2] *= 2
        return np.asarray((digits - 9 * (digits > 9)).sum(axis=1) % 10 == 0, dtype=np.bool_)

    return _checked(texts, _CARD, CARD_DIGITS, check)


def mobiles(texts: Column) -> Chosen:
    """Eleven digits from 13 to 19, with or without the country code."""
    return matches(texts, _MOBILE)


def plates(texts: Column) -> Chosen:
    """GA 36: vehicle plates, those of new-energy vehicles with eight characters included."""
    return matches(texts, _PLATE)


@lru_cache(maxsize=4_096)
def is_credit_code(text: str) -> bool:
    """True when one text is a unified social credit code whose check character holds."""
    return bool(credit_codes(pa.array([text], pa.string()))[0])


def matches(texts: Column, pattern: str) -> Chosen:
    """Which texts match a pattern of RE2; nulls do not."""
    return to_flags(call("fill_null", call("match_substring_regex", texts, pattern), False))


def _checked(texts: Column, pattern: str, lengths: tuple[int, ...], check: Callable[[npt.NDArray[np.uint8]], Chosen]) -> Chosen:
    """Texts of a form, those of one length judged together by `check` over their ASCII bytes."""
    flags = matches(texts, pattern)
    places = np.flatnonzero(flags)
    candidates = [str(text) for text in call("take", texts, pa.array(places)).to_pylist()]
    for length in lengths:
        chosen = [index for index, text in enumerate(candidates) if len(text) == length]
        if chosen:
            rows = np.frombuffer("".join(candidates[index] for index in chosen).encode("ascii"), np.uint8).reshape(-1, length)
            flags[places[chosen]] = check(rows)
    return flags
