"""Join of two pseudonymised sets: two recipients put what they were given side by side and look for pairs that are one person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pyarrow as pa
import pytest

from node.requests.giving import shuffled
from policies import KeyRing, Verdict
from policies.arrow import words_of
from policies.granting import RECIPIENT_KEY
from policies.masks import TokenTable, pseudonyms
from sync.model import Level
from sync.wire.payload import decode_payload, encode_payload
from tests.policies.test_granting import GRANT, ROW, THINGS, batch_of, entry_of, gate_of

PERSONS = 200
TOKENS = replace(THINGS, fields=(replace(THINGS.fields[0], mask="token"), *THINGS.fields[1:]))
ONE, OTHER = (KeyRing({RECIPIENT_KEY: key, "token": key}) for key in (b"one" * 11, b"other" * 7))
Pairs = set[tuple[str, str]]
Attack = Callable[[pa.RecordBatch, pa.RecordBatch], Pairs]


def people(*, is_minted: bool) -> pa.RecordBatch:
    """One row for each person, in the order of their names; with `is_minted`, under the pseudonym that an upward flow gave them."""
    names: list[str | None] = [f"人{number:04d}" for number in range(PERSONS)]
    if is_minted:
        names = pseudonyms(pa.array(names), "up", TokenTable(KeyRing({"up": b"up"}))).to_pylist()
    return batch_of(TOKENS, [{**ROW, "name": name} for name in names])


def given_to(keys: KeyRing, stored: pa.RecordBatch) -> pa.RecordBatch:
    """What the gate gives, not yet shuffled: an entry has names masked."""
    gate = gate_of(TOKENS, entry_of(Verdict.MASK, fields=("name",)))
    return gate.give(replace(GRANT, fields=("name",)), stored, level=Level.STREET, keys=keys).rows


def page_of(stored: pa.RecordBatch, keys: KeyRing, *, seed: int) -> tuple[pa.RecordBatch, dict[str, str]]:
    """What a recipient holds after it opened its page, and, for us alone, who is who."""
    given = given_to(keys, stored)
    who = dict(zip(names_of(given), names_of(stored), strict=True))
    payload = encode_payload(shuffled([given.slice(0, 90), given.slice(90)], Random(seed)), compression="zstd")
    return decode_payload(payload, decoded_bytes_max=1 << 20, rows_max=PERSONS), who


def names_of(rows: pa.RecordBatch) -> list[str]:
    """The pseudonyms, row by row."""
    return [str(name) for name in rows.column("name").to_pylist()]


def words_in(rows: pa.RecordBatch) -> list[str]:
    """The pseudonyms as the dictionary of the column has them."""
    return [str(name) for name in words_of(rows.column("name")).to_pylist()]


def by_token(one: pa.RecordBatch, other: pa.RecordBatch) -> Pairs:
    """Equal pseudonyms."""
    found = set(names_of(one)) & set(names_of(other))
    return {(name, name) for name in found}


def by_row(one: pa.RecordBatch, other: pa.RecordBatch) -> Pairs:
    """The same place in the page."""
    return set(zip(names_of(one), names_of(other), strict=True))


def by_word(one: pa.RecordBatch, other: pa.RecordBatch) -> Pairs:
    """The same place in the dictionary of the column."""
    return set(zip(words_in(one), words_in(other), strict=True))


def by_sorted_token(one: pa.RecordBatch, other: pa.RecordBatch) -> Pairs:
    """The same rank: a pseudonym that kept the order of names would give itself away."""
    return set(zip(sorted(names_of(one)), sorted(names_of(other)), strict=True))


@pytest.mark.parametrize("is_minted", [False, True], ids=["names", "pseudonyms of the way up"])
@pytest.mark.parametrize("attack", [by_token, by_row, by_word, by_sorted_token])
def test_joined_pairs_are_no_more_than_chance(attack: Attack, is_minted: bool) -> None:
    stored = people(is_minted=is_minted)
    hits = tries = 0
    for seed in range(8):
        one, who = page_of(stored, ONE, seed=2 * seed)
        other, whom = page_of(stored, OTHER, seed=2 * seed + 1)
        assert one.num_rows == other.num_rows == PERSONS
        hits += sum(who[left] == whom[right] for left, right in attack(one, other))
        tries += 1
    # Two random orders agree in one place on average (Poisson): eight tries give 8, and 18 or more once in a thousand runs.
    assert hits < 18, f"{attack.__name__} joined {hits} pairs in {tries} tries of {PERSONS} persons"


def test_each_attack_joins_what_is_not_protected() -> None:
    """One key for both and no shuffling: every attack finds everybody."""
    stored = people(is_minted=False)
    given = given_to(ONE, stored)
    for attack in (by_token, by_row, by_word, by_sorted_token):
        assert len(attack(given, given)) == PERSONS


def test_rows_shuffled_with_their_dictionary_left_in_order_would_be_joined() -> None:
    """Why giving.py makes the dictionaries anew."""
    stored = people(is_minted=False)
    rows, who = [], []
    for keys, seed in ((ONE, 1), (OTHER, 2)):
        given = given_to(keys, stored)
        who.append(dict(zip(names_of(given), names_of(stored), strict=True)))
        rows.append(given.take(pa.array(Random(seed).sample(range(PERSONS), PERSONS))))
    assert sum(who[0][one] == who[1][other] for one, other in by_word(*rows)) == PERSONS
