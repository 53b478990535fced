"""The core metadata of the national guide: written only when set, refused when its form is wrong, and no burden on bundles without it."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from policies import BundleError, Resource, merge
from policies.bundle import Bundle, Contents
from policies.listing import Listing
from policies.presets import preset_bundle
from sync.model import Level
from tests.policies.city import END_US

PROVINCE = preset_bundle(Level.PROVINCIAL, issuer="shandong", not_before_us=0, not_after_us=END_US)
RESIDENTS = next(item for item in PROVINCE.contents.catalogue if item.code == "residents")
WHOLE = Listing(
    class_code="3070010001",
    class_names=("部门信息资源", "公安", "人口", "常住"),
    national_code="3070010001/000012",
    provider_code="91350100M000100Y43",
    abstract="常住人口的基本信息。",
    format="数据库",
    share_condition="凭授权使用",
    share_way="共享平台",
    is_open=False,
    open_condition="",
    is_irregular=True,
    published_on="2026-05-01",
    related=("3070010002/000001",),
)


def test_a_bundle_without_listings_has_the_bytes_it_always_had() -> None:
    """Measured before listings existed: a changed hash means that signed bundles of today would not be read any more."""
    then = tuple(_as_then(item) for item in PROVINCE.contents.catalogue if item.code not in NEWER)
    bundle = replace(PROVINCE, contents=replace(PROVINCE.contents, catalogue=then, scales=()))
    assert hashlib.sha256(bundle.canonical).hexdigest() == GOLDEN_SHA256
    assert b"listing" not in bundle.canonical


def _as_then(item: Resource) -> Resource:
    """Without what was revised in it since."""
    if item.code != "camera-events":
        return item
    return replace(item, specimen=tuple((name, "demo-street" if name == "algorithm" else value) for name, value in item.specimen))


NEWER = frozenset({
    "camera-directory",
    "list-cases", "requests", "quality-tickets", "recalls", "regrade-cases", "emergencies", "reviews", "sensor-alarms", "sealed-envelopes",
    "devices", "device-commands", "algorithm-cases", "model-usage", "camera-clips", "incident-steps",
})  # fmt: skip
"""Resources that ship since."""
GOLDEN_SHA256 = "cc6c58db753f134d73b330a0336d470929a63e359edc421dd5a861d076a60cfc"


def test_a_listing_reads_back_as_written() -> None:
    assert Listing.of(WHOLE.encoded(), "x") == WHOLE


def test_only_what_is_set_is_written() -> None:
    assert Listing(abstract="a").encoded() == {"abstract": "a"}
    assert Listing().encoded() == {}


def test_a_resource_with_listing_and_titled_fields_reads_back() -> None:
    titled = tuple(replace(item, title="姓名") if item.name == "name" else item for item in RESIDENTS.fields)
    resource = replace(RESIDENTS, listing=WHOLE, fields=titled)
    assert Resource.of(resource.encoded(), "x") == resource
    assert [("title" in item.encoded()) for item in resource.fields].count(True) == 1


def test_a_listing_survives_the_merge_with_a_stricter_level() -> None:
    listed = replace(RESIDENTS, listing=WHOLE)
    top = Bundle("shandong", Level.PROVINCIAL, 1, 0, END_US, Contents(catalogue=(listed,)))
    district = Bundle("shinan", Level.DISTRICT, 1, 0, END_US, Contents(catalogue=(replace(RESIDENTS, grade=4),)))
    merged = merge([top, district]).resources["residents"]
    assert (merged.listing, merged.grade) == (WHOLE, 4)


def test_two_resources_that_differ_in_listing_differ_and_hash_alike() -> None:
    other = replace(RESIDENTS, listing=WHOLE)
    assert other != RESIDENTS
    assert hash(other) == hash(RESIDENTS)


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("class_code", "12", "write 1, 3, 6"),
        ("national_code", "a b", "at most 80"),
        ("provider_code", "91350100M000100Y44", "no unified social credit code"),
        ("published_on", "2026-02-30", "YYYY-MM-DD"),
        ("published_on", "20260501", "YYYY-MM-DD"),
        ("class_names", ["a"] * 5, "5 names"),
        ("related", ["a"] * 201, "201 codes"),
        ("is_open", "yes", "true or false"),
        ("colour", "red", "unknown key colour"),
    ],
)
def test_a_value_of_the_wrong_form_is_refused_with_the_right_one(key: str, value: object, why: str) -> None:
    with pytest.raises(BundleError, match=why):
        Listing.of({key: value}, "x")
