"""What a grant gives: against a plain interpreter of the rules on random policies and rows, and case by case."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import (
    Basis,
    Bundle,
    CompiledGate,
    Contents,
    Entry,
    Field,
    KeyRing,
    PolicyError,
    Resource,
    Share,
    Station,
    Verdict,
    Way,
    merge,
)
from policies.arrow import words_of
from policies.explain import row_batch
from policies.grant import PURPOSES, Grant, is_purpose
from policies.granting import RECIPIENT_KEY, check_filter, check_given, give
from policies.masks import MASK_KEY, Mask, Method
from policies.presets import city_bundle_contents
from policies.words import National, Role
from sync.model import Lane, Level
from tests.policies.city import END_US, NOW_US

QUOTE = "q"
BASIS = Basis("an order", "9", QUOTE, hashlib.sha256(QUOTE.encode()).hexdigest())
KEYS = KeyRing({RECIPIENT_KEY: b"one", "token": b"one"})
THINGS = Resource(
    "things", "物", "Things", Lane.STATE,
    (Field("name", "string", Role.DIRECT_ID, 0, "name"), Field("word", "string"), Field("number", "int32")),
    3, Share.CONDITIONAL,
)  # fmt: skip
GRANT = Grant("g1", "things", ("name", "word"), "statistics", 0, END_US)

Row = dict[str, str | int | None]
ROW: Row = {"territory": "370202001", "grade": 3, "name": "周某某", "word": "red", "number": 7}


def entry_of(effect: Verdict, **change: object) -> Entry:
    """A live entry about everything that leaves."""
    known: dict[str, object] = {
        "id": "NL-1", "effect": effect, "resource": "things", "ways": (Way.SIDEWAYS,), "basis": BASIS, "approver": "city",
        "valid_from_us": 0, "valid_to_us": END_US, "appeal": "room 9",
    }  # fmt: skip
    return Entry(**(known | change))  # type: ignore[arg-type]


def gate_of(resource: Resource, *entries: Entry, now_us: int = NOW_US) -> CompiledGate:
    """A gate under the shipped ceiling."""
    table = city_bundle_contents(Level.PROVINCIAL).ceiling
    masks = (("name", Mask(Method.PARTIAL, head=1)), ("token", Mask(Method.PSEUDONYM, key="token")))
    rules = merge([Bundle("province", Level.PROVINCIAL, 1, 0, END_US, Contents((resource,), table, entries, masks))])
    return CompiledGate(rules, Station("street", Level.STREET, KeyRing()), now_us=now_us)


def batch_of(resource: Resource, rows: list[Row]) -> pa.RecordBatch:
    """The rows as stored."""
    batches = [row_batch(resource, {"event_time": 0, **row}) for row in rows]
    return pa.Table.from_batches(batches).unify_dictionaries().combine_chunks().to_batches()[0]


def given_of(grant: Grant, rows: list[Row], *entries: Entry, resource: Resource = THINGS) -> list[Row]:
    """What the grant gives."""
    found = gate_of(resource, *entries).give(grant, batch_of(resource, rows), level=Level.STREET, keys=KEYS)
    return list(found.rows.to_pylist())


# ---- case by case


def test_a_grant_opens_what_would_be_yes_or_no_and_withholds_the_rest() -> None:
    assert given_of(GRANT, [ROW]) == [{"grade": 3, "name": "周某某", "word": "red"}]
    assert gate_of(THINGS).book.plan("things", hops=1, way=Way.SIDEWAYS, level=Level.STREET).base.verdict is Verdict.HOLD


def test_rows_above_what_a_grant_opens_stay() -> None:
    gate = gate_of(THINGS)
    found = gate.give(GRANT, batch_of(THINGS, [ROW, {**ROW, "grade": 4}, {**ROW, "grade": None}]), level=Level.STREET, keys=KEYS)
    assert found.rows.num_rows == 1
    assert found.withheld == {"ceiling": 1, "unclassified": 1}


@pytest.mark.parametrize(
    ("resource", "word"),
    [
        (replace(THINGS, grade=4), "verify"),
        (replace(THINGS, grade=0), "hold"),
        (replace(THINGS, national=National.IMPORTANT), "deny"),
        (replace(THINGS, national=National.CORE), "deny"),
        (replace(THINGS, categories=("face-template",)), "deny"),
    ],
    ids=["L4", "ungraded", "important", "core", "legal floor"],
)
def test_no_grant_opens_what_no_grant_may(resource: Resource, word: str) -> None:
    with pytest.raises(PolicyError, match=f"is not given: {word}"):
        given_of(GRANT, [ROW], resource=resource)


def test_an_entry_that_denies_is_named_by_its_law_and_its_appeal() -> None:
    with pytest.raises(PolicyError, match="basis: an order, 9; appeal: room 9"):
        given_of(GRANT, [ROW], entry_of(Verdict.DENY))


@pytest.mark.parametrize(
    ("change", "holds"),
    [({"purposes": ("statistics",)}, True), ({"purposes": ("training",)}, False), ({"ways": (Way.UP,)}, False), ({"basis": None}, False)],
    ids=["its purpose", "another purpose", "another way", "no basis"],
)
def test_entries_count_for_their_way_and_purpose(change: dict[str, object], *, holds: bool) -> None:
    entry = entry_of(Verdict.MASK, fields=("name",), **change)
    assert (given_of(GRANT, [ROW], entry)[0]["name"] == "周**") is holds
    found = gate_of(THINGS, entry).give(GRANT, batch_of(THINGS, [ROW]), level=Level.STREET, keys=KEYS)
    assert found.masks == ({"name": "partial:negative-list"} if holds else {})


def test_an_old_bundle_holds_everything() -> None:
    gate = gate_of(THINGS, now_us=END_US + 1)
    with pytest.raises(PolicyError, match="hold"):
        gate.give(GRANT, batch_of(THINGS, [ROW]), level=Level.STREET, keys=KEYS)


def test_a_field_graded_above_what_a_grant_opens_is_withheld() -> None:
    fields = (replace(THINGS.fields[0], grade=4), *THINGS.fields[1:])
    assert given_of(GRANT, [ROW], resource=replace(THINGS, fields=fields)) == [{"grade": 3, "name": None, "word": "red"}]


def test_a_filter_sees_what_the_asker_sees_and_no_more() -> None:
    rows: list[Row] = [ROW, {**ROW, "name": "李四", "word": None}]
    assert len(given_of(replace(GRANT, asked="name = '周某某'"), rows)) == 1
    masked = entry_of(Verdict.MASK, fields=("name",))
    assert given_of(replace(GRANT, asked="name = '周某某'"), rows, masked) == []
    assert len(given_of(replace(GRANT, asked="word <> 'blue'"), rows)) == 1
    with pytest.raises(PolicyError, match="reads number, which is not given"):
        given_of(replace(GRANT, asked="number = 7"), rows)


def test_the_providers_own_filter_reads_what_is_stored() -> None:
    rows: list[Row] = [ROW, {**ROW, "number": 9}, {**ROW, "number": None}]
    assert len(given_of(replace(GRANT, limit="number = 7"), rows)) == 1


def test_an_entry_that_reads_a_column_which_came_masked_catches_every_row() -> None:
    batch = batch_of(THINGS, [{**ROW, "name": "周**"}])
    place = batch.schema.get_field_index("name")
    marked = batch.schema.set(place, batch.schema.field(place).with_metadata({MASK_KEY: b"partial::ceiling"}))
    stored = pa.RecordBatch.from_arrays(batch.columns, schema=marked)
    gate = gate_of(THINGS, entry_of(Verdict.DENY, predicate="name = '周某某'"))
    found = gate.give(GRANT, stored, level=Level.STREET, keys=KEYS)
    assert (found.rows.num_rows, found.withheld) == (0, {"negative-list": 1})


def test_two_recipients_cannot_join_their_pseudonyms() -> None:
    token = "~" + "ab" * 12
    rows: list[Row] = [{**ROW, "name": token}, {**ROW, "name": token}, {**ROW, "name": "李四"}]
    gate, batch = gate_of(THINGS), batch_of(THINGS, rows)
    other = KeyRing({RECIPIENT_KEY: b"two", "token": b"two"})
    mine, theirs = (gate.give(GRANT, batch, level=Level.STREET, keys=keys).rows.column("name").to_pylist() for keys in (KEYS, other))
    assert mine[0] == mine[1] != token
    assert theirs[0] == theirs[1] not in (token, mine[0])
    assert mine[2] == theirs[2] == "李四"
    fields = (replace(THINGS.fields[0], mask="token"), *THINGS.fields[1:])
    gate = gate_of(replace(THINGS, fields=fields), entry_of(Verdict.MASK, fields=("name",)))
    minted = [gate.give(GRANT, batch, level=Level.STREET, keys=keys).rows.column("name").to_pylist()[2] for keys in (KEYS, other)]
    assert minted[0] != minted[1]
    assert all(str(value).startswith("~") for value in minted)


def test_no_word_of_a_withheld_row_travels_in_a_dictionary() -> None:
    rows: list[Row] = [ROW, {**ROW, "word": "secret"}, {**ROW, "word": "secret", "grade": 4}]
    found = gate_of(THINGS).give(replace(GRANT, limit="word = 'red'"), batch_of(THINGS, rows), level=Level.STREET, keys=KEYS)
    assert words_of(found.rows.column("word")).to_pylist() == ["red"]


def test_common_columns_are_given_when_they_are_granted() -> None:
    found = given_of(replace(GRANT, fields=("territory", "word")), [ROW])
    assert found == [{"territory": "370202001", "grade": 3, "word": "red"}]


def test_a_column_that_an_older_layout_lacks_is_empty() -> None:
    batch = batch_of(THINGS, [ROW]).drop_columns(["word"])
    found = gate_of(THINGS).give(GRANT, batch, level=Level.STREET, keys=KEYS)
    assert found.rows.to_pylist() == [{"grade": 3, "name": "周某某", "word": None}]


@pytest.mark.parametrize("change", [{"resource": "dragons"}, {"fields": ("scales",)}], ids=str)
def test_what_the_catalogue_does_not_know_is_not_given(change: dict[str, object]) -> None:
    with pytest.raises(PolicyError, match=r"dragons|scales"):
        given_of(replace(GRANT, **change), [ROW])  # type: ignore[arg-type]


def test_filters_are_checked_where_they_are_written() -> None:
    check_filter(THINGS, "", None)
    check_filter(THINGS, "word = 'red'", ("word",))
    for text, why in (("word = 1", "cannot be compared"), ("drop table", "predicate"), ("number = 1", "reads number")):
        with pytest.raises(PolicyError, match=why):
            check_filter(THINGS, text, ("word",))


def test_a_purpose_is_a_code_of_the_tree() -> None:
    assert all(is_purpose(code) and is_purpose(f"{code}/more") for code in PURPOSES)
    assert not any(is_purpose(code) for code in ("", "curiosity", "/statistics", "statistic"))


def test_a_grant_lives_between_its_dates() -> None:
    grant = replace(GRANT, valid_from_us=10, valid_to_us=20)
    assert [grant.is_live(now) for now in (9, 10, 19, 20)] == [False, True, True, False]


# ---- the recipient


def test_the_recipient_takes_what_an_equal_gate_gives_and_nothing_beyond() -> None:
    gate = gate_of(THINGS, entry_of(Verdict.MASK, fields=("word",)))
    rows = gate.give(GRANT, batch_of(THINGS, [ROW]), level=Level.STREET, keys=KEYS).rows
    check_given(gate.book, GRANT, rows, level=Level.STREET)
    loose = gate_of(THINGS).give(GRANT, batch_of(THINGS, [ROW]), level=Level.STREET, keys=KEYS).rows
    with pytest.raises(PolicyError, match="column word is not masked"):
        check_given(gate.book, GRANT, loose, level=Level.STREET)
    with pytest.raises(PolicyError, match="are not those granted"):
        check_given(gate.book, replace(GRANT, fields=("name",)), rows, level=Level.STREET)
    high = gate.give(GRANT, batch_of(THINGS, [ROW]), level=Level.STREET, keys=KEYS).rows
    high = high.set_column(0, high.schema.field(0), pa.array([4], pa.int8()))
    with pytest.raises(PolicyError, match=r"one is aggregate_only here \(ceiling\)"):
        check_given(gate.book, GRANT, high, level=Level.STREET)
    wrong = pa.RecordBatch.from_pydict({"grade": pa.array([3], pa.int8()), "name": ["a"], "word": pa.array([1], pa.int64())})
    with pytest.raises(PolicyError, match="not of the catalogue's type"):
        check_given(gate.book, GRANT, wrong, level=Level.STREET)


# ---- against a plain interpreter

resources = st.builds(
    lambda grade, share, national, name_grade: replace(
        THINGS, grade=grade, share=share, national=national, fields=(replace(THINGS.fields[0], grade=name_grade), *THINGS.fields[1:])
    ),
    st.integers(0, 4),
    st.sampled_from(Share),
    st.sampled_from([National.GENERAL, National.GENERAL, National.IMPORTANT]),
    st.sampled_from([0, 3, 4]),
)
entries = st.builds(
    entry_of,
    st.sampled_from([Verdict.DENY, Verdict.AGGREGATE, Verdict.MASK]),
    fields=st.sampled_from([(), ("word",), ("name", "number")]),
    predicate=st.sampled_from(["", "word = 'red'", "number >= 5"]),
    ways=st.sampled_from([(), (Way.SIDEWAYS,), (Way.UP,), (Way.SIDEWAYS, Way.RETURN)]),
    purposes=st.sampled_from([(), ("statistics",), ("training",)]),
    levels=st.sampled_from([(), (Level.STREET,), (Level.DISTRICT,)]),
    basis=st.sampled_from([BASIS, BASIS, None]),
    valid_to_us=st.sampled_from([END_US, END_US, 1]),
)
grants = st.builds(
    replace,
    st.just(GRANT),
    fields=st.sampled_from([("name",), ("name", "word"), ("word", "number"), ("name", "word", "number", "territory")]),
    limit=st.sampled_from(["", "number < 8"]),
    asked=st.sampled_from(["", "grade = 3"]),
)
rows_strategy = st.lists(
    st.fixed_dictionaries(
        {
            "territory": st.sampled_from(["370202001", "3703"]),
            "grade": st.sampled_from([0, 1, 2, 3, 4, None, 9]),
            "name": st.sampled_from(["周某某", "李", None]),
            "word": st.sampled_from(["red", "green", None]),
            "number": st.sampled_from([1, 7, 9, None]),
        }
    ),
    min_size=1,
    max_size=8,
)


def interpret(resource: Resource, listed: list[Entry], grant: Grant, row: Row) -> Row | None:
    """What is left of a row by reading POLICY's order of evaluation; None when it is not given."""
    if resource.grade == 0 or resource.national is not National.GENERAL or row["grade"] in (None, 9):
        return None
    grade = max(resource.grade, int(row["grade"] or 0))
    number = row["number"]
    if grade > 3 or (grant.limit and (number is None or int(number) >= 8)):
        return None
    kept = dict(row) | {"grade": grade}
    if resource.fields[0].grade > 3:
        kept["name"] = None
    for entry in listed:
        if is_live(entry) and touches(entry, row):
            if entry.effect is not Verdict.MASK and not entry.fields:
                return None
            for name in entry.fields or ("name",):
                kept[name] = masked(name, kept[name]) if entry.effect is Verdict.MASK else None
    if grant.asked and kept["grade"] != 3:
        return None
    return {name: kept[name] for name in ("territory", "grade", "name", "word", "number") if name in (*grant.fields, "grade")}


def is_live(entry: Entry) -> bool:
    """True for an entry with effect on a street's statistics."""
    is_meant = (not entry.ways or Way.SIDEWAYS in entry.ways) and entry.purposes in ((), ("statistics",))
    return is_meant and entry.levels in ((), (Level.STREET,)) and entry.basis is not None and entry.valid_to_us == END_US


def touches(entry: Entry, row: Row) -> bool:
    """Unknown counts as touched."""
    if entry.predicate == "word = 'red'":
        return row["word"] in ("red", None)
    return not entry.predicate or row["number"] is None or int(row["number"]) >= 5


def masked(name: str, value: str | int | None) -> str | int | None:
    """The mask of a field: names keep their first character, other texts are redacted, numbers withheld."""
    if value is None or name == "number":
        return None
    text = str(value)
    if name == "word":
        return "***"
    return "*" if len(text) == 1 else text[0] + "*" * (len(text) - 1)


@pytest.mark.slow
@settings(max_examples=250, deadline=None, derandomize=True)
@given(resources, st.lists(entries, max_size=3), grants, rows_strategy)
def test_what_is_given_equals_the_interpreter(resource: Resource, listed: list[Entry], grant: Grant, rows: list[Row]) -> None:
    listed = [replace(entry, id=f"NL-{number}") for number, entry in enumerate(listed)]
    wanted = [kept for row in rows if (kept := interpret(resource, listed, grant, row)) is not None]
    gate = gate_of(resource, *listed)
    try:
        found = give(gate.book, grant, batch_of(resource, rows), level=Level.STREET, keys=KEYS)
    except PolicyError:
        assert wanted == []
        return
    assert found.rows.to_pylist() == wanted
    inside = [row for row in rows if not grant.limit or (row["number"] is not None and int(row["number"]) < 8)]
    if not grant.asked:
        assert sum(found.withheld.values()) == len(inside) - len(wanted)
    if found.rows.num_rows:
        check_given(gate.book, grant, found.rows, level=Level.STREET)
