"""What an epoch changed, by path."""

from __future__ import annotations

from dataclasses import replace

from node.catalogue.history import PATHS_MAX, VALUE_CHARS_MAX, Change, changed_values, editions
from policies.listing import Listing
from tests.node.catalogue.books import ENTRIES

AIR, RESIDENTS = ENTRIES["air-quality"], ENTRIES["residents"]


def test_entries_come_change_and_go() -> None:
    before = {"air-quality": AIR.encoded(), "residents": RESIDENTS.encoded()}
    after = {"air-quality": replace(AIR, grade=2).encoded(), "incidents": ENTRIES["incidents"].encoded()}
    found = {edition.code: edition for edition in editions(before, after)}
    assert {code: edition.change for code, edition in found.items()} == {
        "air-quality": Change.CHANGED, "incidents": Change.ADDED, "residents": Change.REMOVED
    }  # fmt: skip
    assert found["air-quality"].values == {"grade": ("1", "2")}


def test_values_of_the_listing_and_of_fields_have_paths() -> None:
    kept = [item for item in RESIDENTS.fields if item.name != "category"]
    fields = tuple(replace(item, mask="", title="电话") if item.name == "phone" else item for item in kept)
    changed = changed_values(RESIDENTS.encoded(), replace(RESIDENTS, fields=fields, listing=Listing(abstract="x")).encoded())
    assert changed["listing.abstract"] == ("", "x")
    assert changed["fields.phone.mask"] == ("phone", "")
    assert changed["fields.phone.title"] == ("", "电话")
    assert changed["fields.category.type"] == ("string", "")


def test_specimens_are_no_change_that_is_told() -> None:
    assert changed_values(AIR.encoded(), replace(AIR, specimen=()).encoded()) == {}


def test_values_and_their_number_are_bounded() -> None:
    many = {f"k{number}": "x" * 1_000 for number in range(PATHS_MAX + 50)}
    changed = changed_values({}, dict(many))
    assert len(changed) == PATHS_MAX
    assert {len(after) for _, after in changed.values()} == {VALUE_CHARS_MAX}
