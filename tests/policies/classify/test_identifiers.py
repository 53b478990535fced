"""Numbers that prove themselves: published examples pass, one wrong digit fails, and look-alikes are told apart."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.arrow import Chosen, Column
from policies.classify.identifiers import bank_cards, credit_codes, is_credit_code, mobiles, old_resident_ids, plates, resident_ids

Check = Callable[[Column], Chosen]
GOOD: dict[Check, list[str]] = {
    resident_ids: ["11010519491231002X", "370202182001011236"],
    old_resident_ids: ["110105491231002"],
    credit_codes: ["91350100M000100Y43", "92350100M000100Y40"],
    bank_cards: ["4111111111111111", "378282246310005", "5500005555555559", "4012888888881881"],
    mobiles: ["13800138000", "+8613912345678", "8619912345678"],
    plates: ["鲁B12345", "鲁U·8A88B", "京AD12345", "鲁BF12345", "沪A12345D", "京A0001警", "鲁B1234学", "粤Z1234港"],
}
BAD: dict[Check, list[str]] = {
    resident_ids: ["110105194912310021", "990105194912310029", "110105194913310020", "370202001001001001", "11010519491231002", ""],
    old_resident_ids: ["110105491331002", "1101054912310021"],
    credit_codes: ["91350100M000100Y44", "91350100I000100Y43", "370202001001001001"],
    bank_cards: ["4111111111111112", "1234567890123456", "411111111111"],
    mobiles: ["12800138000", "138001380000", "1380013800", "053288881234"],
    plates: ["鲁I12345", "鲁B1234I", "B12345", "鲁B1234", "鲁B1234567"],
}


@pytest.mark.parametrize("check", GOOD, ids=lambda check: check.__name__)
def test_real_forms_pass_and_look_alikes_do_not(check: Check) -> None:
    texts = [*GOOD[check], *BAD[check], None]
    flags = check(pa.array(texts, pa.string()))
    assert flags.tolist() == [True] * len(GOOD[check]) + [False] * (len(BAD[check]) + 1)


@pytest.mark.parametrize(
    ("check", "text", "digits"), [(resident_ids, "11010519491231002X", "0123456789X"), (bank_cards, "4111111111111111", "0123456789")]
)
def test_of_all_last_characters_one_passes(check: Check, text: str, digits: str) -> None:
    flags = check(pa.array([text[:-1] + digit for digit in digits], pa.string()))
    assert int(flags.sum()) == 1


@settings(max_examples=12, deadline=None, derandomize=True)
@given(st.text(alphabet="0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=17, max_size=17))
def test_a_credit_code_has_one_check_character(body: str) -> None:
    text = body[:2] + "".join(str(ord(char) % 10) for char in body[2:8]) + body[8:]
    passing = [char for char in "0123456789ABCDEFGHJKLMNPQRTUWXY" if is_credit_code(text + char)]
    assert len(passing) == 1


@pytest.mark.parametrize("check", GOOD, ids=lambda check: check.__name__)
def test_nothing_is_judged_where_nothing_is(check: Check) -> None:
    assert check(pa.array([], pa.string())).tolist() == []
    assert check(pa.array([None, None], pa.string())).tolist() == [False, False]
