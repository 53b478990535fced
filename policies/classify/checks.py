"""What a value is: one check per kind of value, each over the distinct texts or numbers of a column at once.

Texts come in two forms: `text` (half-width, trimmed) and `compact` (also upper case, without blanks and hyphens). Owns no threshold and no
word list: surnames come in. Called by `propose`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from policies.arrow import Chosen, Column, call, to_flags
from policies.classify import identifiers
from policies.classify.identifiers import matches

_EMAIL = r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,4}$"
_LANDLINE = r"^(?:\(?0[0-9]{2,3}\)?)?[2-9][0-9]{6,7}(?:转[0-9]{1,6})?$"
_ADDRESS = (
    r"(?:省|市|区|县|镇|乡|街道|社区|路|街|巷|大道|胡同|村).{0,24}[0-9甲乙一二三四五六七八九十]+(?:-[0-9]+)?(?:号|栋|幢|座|单元|室|弄|户)"
    r"|(?:省|市).{1,12}(?:区|县|市).{1,12}(?:镇|乡|街道|路|街|村)"
)
_BIRTH = r"^(?:19|20)[0-9]{2}(?:[-/.年]?(?:0?[1-9]|1[0-2])(?:[-/.月]?(?:0?[1-9]|[12][0-9]|3[01])日?)?月?)?(?:[ T]00:00.*)?$"
_PAIR = r"^[(\[]?-?(?:1[0-7][0-9]|[0-9]{1,2})\.[0-9]{3,}[,; ]+-?(?:1[0-7][0-9]|[0-9]{1,2})\.[0-9]{3,}[)\]]?$"
_DECIMAL = r"^-?[0-9]{1,3}\.[0-9]+$"
_MINORITY_NAME = "^[\u4e00-\u9fff]{2,10}·[\u4e00-\u9fff]{2,10}$"
BIRTH_YEARS = (1900, 2035)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Word lists of the table."""

    surnames: str
    surnames_double: tuple[str, ...]
    not_names: str
    """Last characters of words that begin with a surname and are no names: 张店区, 高新路."""


@dataclass(frozen=True, slots=True)
class Values:
    """The distinct values of a column, in the forms that checks ask for."""

    text: Column
    compact: Column
    vocabulary: Vocabulary


def values_of(distinct: Column, vocabulary: Vocabulary) -> Values:
    """The forms of distinct values of any type."""
    texts = distinct if pa.types.is_string(distinct.type) else distinct.cast(pa.string())
    text = call("utf8_trim_whitespace", call("utf8_normalize", texts, form="NFKC"))
    compact = call("utf8_upper", call("replace_substring_regex", text, pattern=r"[\s-]", replacement=""))
    return Values(text, compact, vocabulary)


def _person_names(values: Values) -> Chosen:
    words = values.vocabulary
    double = "|".join(re.escape(name) for name in words.surnames_double) or "(?:x{2})"
    pattern = f"^(?:(?:{double})[\u4e00-\u9fff]{{1,2}}|[{words.surnames or 'x'}][\u4e00-\u9fff]{{1,2}})$"
    names = matches(values.text, pattern)
    if words.not_names:
        names &= ~matches(values.text, f"[{words.not_names}]$")
    return names | matches(values.text, _MINORITY_NAME)


def _between(values: Values, low: float, high: float) -> Chosen:
    """Decimal numbers in bounds, given with at least one decimal; whole numbers are counts or codes."""
    flags = matches(values.text, _DECIMAL)
    numbers = call("if_else", pa.array(flags), values.text, None).cast(pa.float64())
    inside = call("and_", call("greater_equal", numbers, low), call("less_equal", numbers, high))
    return flags & to_flags(call("fill_null", inside, False))


def _birth_dates(values: Values) -> Chosen:
    flags = matches(values.text, _BIRTH)
    years = call("if_else", pa.array(flags), call("utf8_slice_codeunits", values.text, 0, 4), None).cast(pa.int32())
    filled = np.asarray(call("fill_null", years, 0).to_numpy(zero_copy_only=False))
    return flags & (filled >= BIRTH_YEARS[0]) & (filled <= BIRTH_YEARS[1])


Check = Callable[[Values], Chosen]
CHECKS: Mapping[str, Check] = {
    "resident-id": lambda values: identifiers.resident_ids(values.compact),
    "resident-id-15": lambda values: identifiers.old_resident_ids(values.compact),
    "credit-code": lambda values: identifiers.credit_codes(values.compact),
    "bank-card": lambda values: identifiers.bank_cards(values.compact) & ~identifiers.resident_ids(values.compact),
    "mobile": lambda values: identifiers.mobiles(values.compact),
    "landline": lambda values: matches(values.compact, _LANDLINE),
    "plate": lambda values: identifiers.plates(values.compact),
    "person-name": _person_names,
    "address": lambda values: matches(values.text, _ADDRESS),
    "email": lambda values: matches(values.text, _EMAIL),
    "birth-date": _birth_dates,
    "longitude": lambda values: _between(values, -180.0, 180.0),
    "latitude": lambda values: _between(values, -90.0, 90.0),
    "coordinates": lambda values: matches(values.text, _PAIR),
}
"""Checks by the name that the table calls them."""
