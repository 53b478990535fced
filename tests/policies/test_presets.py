"""The shipped catalogue: what docs/api.md promises, and that no living person can match the specimen."""

from __future__ import annotations

import re

import pytest

from policies import BundleError, Resource, Share, schema
from policies.catalogue import FACT_FIELDS
from policies.explain import row_batch
from policies.presets import city_bundle_contents
from policies.words import Role
from sync.model import Lane, Level
from tests.policies.city import city

RULES = city()
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
"""GB 11643-1999, ISO 7064 MOD 11-2."""

PROMISED = {
    "air-quality": (Lane.BULK, 1, Share.UNCONDITIONAL),
    "traffic-flow": (Lane.BULK, 1, Share.UNCONDITIONAL),
    "sensor-alarms": (Lane.ALARM, 1, Share.UNCONDITIONAL),
    "camera-events": (Lane.EVENT, 2, Share.UNCONDITIONAL),
    "camera-evidence": (Lane.BLOB, 2, Share.UNCONDITIONAL),
    "camera-clips": (Lane.BLOB, 2, Share.CONDITIONAL),
    "incidents": (Lane.ALARM, 2, Share.UNCONDITIONAL),
    "device-registry": (Lane.STATE, 2, Share.UNCONDITIONAL),
    "devices": (Lane.STATE, 2, Share.UNCONDITIONAL),
    "camera-directory": (Lane.STATE, 2, Share.UNCONDITIONAL),
    "residents": (Lane.STATE, 3, Share.CONDITIONAL),
    "residents-summary": (Lane.STATE, 1, Share.UNCONDITIONAL),
    "enterprises": (Lane.STATE, 1, Share.UNCONDITIONAL),
    "list-cases": (Lane.EVENT, 2, Share.UNCONDITIONAL),
    "requests": (Lane.EVENT, 2, Share.UNCONDITIONAL),
    "quality-tickets": (Lane.EVENT, 2, Share.UNCONDITIONAL),
    "regrade-cases": (Lane.EVENT, 2, Share.UNCONDITIONAL),
    "emergencies": (Lane.EVENT, 2, Share.UNCONDITIONAL),
    "reviews": (Lane.EVENT, 2, Share.UNCONDITIONAL),
    "recalls": (Lane.EVENT, 2, Share.UNCONDITIONAL),
    "device-commands": (Lane.EVENT, 2, Share.UNCONDITIONAL),
    "algorithm-cases": (Lane.EVENT, 2, Share.UNCONDITIONAL),
    "incident-steps": (Lane.EVENT, 2, Share.UNCONDITIONAL),
    "sealed-envelopes": (Lane.EVENT, 1, Share.UNCONDITIONAL),
    "model-usage": (Lane.BULK, 2, Share.UNCONDITIONAL),
}


FACTS = ["list-cases", "requests", "quality-tickets", "recalls", "regrade-cases", "emergencies", "reviews"]
FACTS += ["device-commands", "algorithm-cases", "incident-steps"]


def test_the_catalogue_holds_exactly_the_promised_resources() -> None:
    assert {code: (item.lane, item.grade, item.share) for code, item in RULES.resources.items()} == PROMISED


def test_only_enterprises_facts_and_envelopes_return() -> None:
    assert [code for code, item in RULES.resources.items() if item.returns] == ["enterprises", "sealed-envelopes", *FACTS]


def test_resources_of_facts_have_the_layout_of_facts() -> None:
    facts = [item for item in RULES.resources.values() if item.event_sourced and "case_id" in {field.name for field in item.fields}]
    assert [item.code for item in facts] == FACTS
    assert all(tuple(field.name for field in item.fields) == FACT_FIELDS for item in facts)


@pytest.mark.parametrize("resource", RULES.resources.values(), ids=lambda item: item.code)
def test_every_resource_has_titles_a_provider_and_a_complete_specimen(resource: Resource) -> None:
    assert resource.title_zh
    assert resource.title_en
    assert resource.provider
    assert {name for name, _ in resource.specimen} == set(schema(resource).names)
    assert row_batch(resource, dict(resource.specimen)).num_rows == 1
    assert Resource.of(resource.encoded(), "resource") == resource


@pytest.mark.parametrize("resource", RULES.resources.values(), ids=lambda item: item.code)
def test_every_mask_a_field_names_exists(resource: Resource) -> None:
    assert {item.mask for item in resource.fields if item.mask} <= set(RULES.masks)


def test_the_specimen_resident_is_nobody() -> None:
    person = dict(RULES.resources["residents"].specimen)
    number = str(person["id_number"])
    assert int(number[6:10]) == person["birth_year"]
    assert 1800 <= int(number[6:10]) <= 1850
    assert number[17] == "10X98765432"[sum(int(digit) * weight for digit, weight in zip(number[:17], WEIGHTS, strict=True)) % 11]
    assert not re.fullmatch("1[3-9][0-9]{9}", str(person["phone"])), "a phone number that could be somebody's"
    assert str(person["name"]).endswith("某某")


def test_the_direct_ids_of_residents_are_the_promised_ones() -> None:
    direct = [item.name for item in RULES.resources["residents"].fields if item.role is Role.DIRECT_ID]
    assert direct == ["resident_id", "name", "id_number", "phone"]


def test_a_street_has_no_preset_to_issue() -> None:
    with pytest.raises(BundleError, match="no preset bundle for level street"):
        city_bundle_contents(Level.STREET)
