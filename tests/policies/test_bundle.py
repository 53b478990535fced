"""Bundles: canonical, signed by the caller, strict about what comes in."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import (
    Bundle,
    BundleError,
    Contents,
    Entry,
    PolicyError,
    PredicateError,
    Verdict,
    Way,
    decode_signed,
    merge,
    newer_than,
    sign_bundle,
)
from policies.bundle import PROVISIONAL_HOLD_US_MAX
from policies.presets import preset_bundle
from sync.model import Level
from tests.policies.city import END_US, NOW_US

BUNDLE = preset_bundle(Level.MUNICIPAL, issuer="qingdao", not_before_us=0, not_after_us=END_US)
PROVINCE = preset_bundle(Level.PROVINCIAL, issuer="shandong", not_before_us=0, not_after_us=END_US)


def sign(data: bytes) -> bytes:
    return hmac.digest(b"key", data, "sha256")


def verify(issuer: str, data: bytes, signature: bytes, chain_pem: str) -> bool:
    return issuer == "qingdao" and chain_pem == "chain" and hmac.compare_digest(sign(data), signature)


SIGNED = sign_bundle(BUNDLE, sign, chain_pem="chain")


@pytest.mark.parametrize("bundle", [BUNDLE, PROVINCE])
def test_a_signed_bundle_reads_back_as_written(bundle: Bundle) -> None:
    signed = sign_bundle(bundle, sign, chain_pem="chain")
    assert decode_signed(signed.encode()) == signed


def test_a_signature_holds_for_these_rules_only() -> None:
    assert SIGNED.check(verify) == BUNDLE
    with pytest.raises(BundleError, match="signature does not hold"):
        replace(SIGNED, bundle=replace(BUNDLE, epoch=2)).check(verify)


def test_the_content_hash_names_the_rules_and_not_the_epoch() -> None:
    assert replace(BUNDLE, epoch=2).content_sha256 == BUNDLE.content_sha256
    assert BUNDLE.content_sha256 != PROVINCE.content_sha256
    assert len(hashlib.sha256(BUNDLE.canonical).digest()) == 32


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{" * 5000, b'{"bundle":{}}', SIGNED.encode() + b" ", b" " + SIGNED.encode()])
def test_bytes_that_are_no_bundle_are_refused(data: bytes) -> None:
    with pytest.raises(BundleError, match="refused"):
        decode_signed(data)


@pytest.mark.slow
@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.data())
def test_a_bundle_with_any_value_replaced_is_read_or_refused_with_our_error(data: st.DataObject) -> None:
    value = json.loads(SIGNED.encode())
    node = value
    while isinstance(node, dict | list) and node:
        key = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        if not isinstance(node[key], dict | list) or data.draw(st.booleans()):
            node[key] = data.draw(st.sampled_from([None, -1, 1e999, "x", [], {}, True, {"x": 1}, "\ud800"]))
            break
        node = node[key]
    raw = json.dumps(value).encode()
    if raw != SIGNED.encode():
        with pytest.raises(PolicyError, match=r"refused|is not one of|missing"):
            decode_signed(raw)


def test_epochs_only_rise() -> None:
    assert newer_than(replace(BUNDLE, epoch=2), BUNDLE)
    assert newer_than(BUNDLE, None)
    assert not newer_than(BUNDLE, BUNDLE)
    with pytest.raises(BundleError, match="epochs only rise"):
        newer_than(BUNDLE, replace(BUNDLE, epoch=2))
    with pytest.raises(BundleError, match="must raise the epoch"):
        newer_than(replace(BUNDLE, not_after_us=END_US + 1), BUNDLE)
    with pytest.raises(BundleError, match="does not replace one of shandong"):
        newer_than(BUNDLE, PROVINCE)


def test_a_street_may_tighten_sideways_but_not_withhold_upward() -> None:
    entry = Entry("S-1", Verdict.DENY, "residents", ways=(Way.SIDEWAYS,), valid_to_us=NOW_US)
    street = Bundle("street", Level.STREET, 1, 0, END_US, Contents(entries=(entry,)))
    assert street.contents.entries == (entry,)
    for ways in ((), (Way.UP,), (Way.RETURN,)):
        with pytest.raises(BundleError, match="may not withhold upward"):
            replace(street, contents=Contents(entries=(replace(entry, ways=ways),)))


def test_a_street_may_hold_upward_for_thirty_days() -> None:
    hold = Entry("S-2", Verdict.HOLD, "residents", ways=(Way.UP,), valid_to_us=PROVISIONAL_HOLD_US_MAX)
    Bundle("street", Level.STREET, 1, 0, END_US, Contents(entries=(hold,)))
    with pytest.raises(BundleError, match="30 days"):
        Bundle("street", Level.STREET, 1, 0, END_US, Contents(entries=(replace(hold, valid_to_us=PROVISIONAL_HOLD_US_MAX + 1),)))


def test_an_invalid_predicate_is_refused_when_the_rules_meet_the_catalogue() -> None:
    wrong = replace(BUNDLE.contents.entries[0], predicate="nobody = 1")
    with pytest.raises(PredicateError, match="entry NL-DEMO-1 on residents: predicate refused at character 1") as caught:
        merge([PROVINCE, replace(BUNDLE, contents=Contents(entries=(wrong,)))])
    assert caught.value.position == 1


def test_unknown_keys_are_refused_with_their_path() -> None:
    value = json.loads(SIGNED.encode())
    value["bundle"]["contents"]["entries"][0]["loosen"] = True
    with pytest.raises(BundleError, match=r"contents\.entries\[0\] refused: unknown key loosen"):
        decode_signed(json.dumps(value).encode())
