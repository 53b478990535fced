"""Slices of bundles: they compile to the plans of the whole, prove what they say, and travel as deltas."""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import Basis, Bundle, BundleError, Contents, Entry, PlanBook, Ruleset, Verdict, Way, merge
from policies import trie as tries
from policies.bundle import canonical_json
from policies.presets import preset_bundle
from policies.regrade import Regrade, numbers_text
from policies.roots import Root, SignedRoot, check_succession
from policies.slice_wire import decode, encode
from policies.slices import MARK_BYTES, Slice, Texts, alone, covered_alike, key_of, root_of, whole_of
from sync.model import Level
from tests.policies.city import END_US, NOW_US

PROVINCE = preset_bundle(Level.PROVINCIAL, issuer="shandong", not_before_us=0, not_after_us=END_US)
CITY = preset_bundle(Level.MUNICIPAL, issuer="qingdao", not_before_us=0, not_after_us=END_US)
CODES = tuple(resource.code for resource in PROVINCE.contents.catalogue)
QUOTE = "q"
BASIS = Basis("instrument", "1", QUOTE, hashlib.sha256(QUOTE.encode()).hexdigest())
LIVE: dict[str, Any] = {"basis": BASIS, "approver": "qingdao", "valid_to_us": END_US}


def signed(bundle: Bundle) -> SignedRoot:
    return SignedRoot(root_of(bundle), b"s" * 64, "chain")


def whole(bundle: Bundle) -> Slice:
    return whole_of(bundle, signed(bundle))


def read(data: bytes, known: Texts | None = None) -> Slice:
    return decode(data, lambda issuer: known or {})


def sent(bundle: Bundle, codes: tuple[str, ...]) -> Slice:
    """A slice as it comes over a link."""
    return read(encode(whole(bundle).narrowed(codes)))


def entry(number: int, resource: str, **changes: Any) -> Entry:
    return Entry(id=f"NL-{number}", effect=Verdict.DENY, resource=resource, **(LIVE | changes))


def with_entries(bundle: Bundle, *entries: Entry, epoch: int = 2) -> Bundle:
    return replace(bundle, epoch=epoch, contents=replace(bundle.contents, entries=(*bundle.contents.entries, *entries)))


entries = st.builds(
    lambda number, resource, effect, **rest: Entry(id=f"NL-{number}", effect=effect, resource=resource, basis=BASIS, **rest),
    number=st.integers(1, 10**6),
    resource=st.sampled_from([*CODES[:6], "res*", "inc*", "*", "nobody-knows-it"]),
    effect=st.sampled_from([Verdict.DENY, Verdict.MASK, Verdict.AGGREGATE]),
    categories=st.sampled_from([(), (), ("personal",), ("state-secret",)]),
    territories=st.sampled_from([(), ("370202",), ("370202001", "370203")]),
    ways=st.sampled_from([(), (Way.UP,), (Way.RETURN,), (Way.UP, Way.SIDEWAYS)]),
    approver=st.sampled_from(["qingdao", "qingdao", ""]),
    valid_to_us=st.sampled_from([END_US, 1]),
)
regrades = st.builds(
    lambda number, resource: Regrade(f"rg-{number}", resource, True, 4, (("street", 1, numbers_text([(1, 5)])),), BASIS, "a", "qingdao"),
    number=st.integers(1, 10**6),
    resource=st.sampled_from(CODES[:4]),
)
policies = st.tuples(
    st.lists(entries, max_size=12, unique_by=lambda one: one.id), st.lists(regrades, max_size=3, unique_by=lambda one: one.id)
)


def every_plan(rules: Ruleset, codes: tuple[str, ...]) -> list[object]:
    book = PlanBook(rules, now_us=NOW_US)
    flows = ((1, Way.UP, Level.STREET), (2, Way.UP, Level.MUNICIPAL), (1, Way.RETURN, Level.GRID), (1, Way.SIDEWAYS, Level.DISTRICT))
    return [book.plan(code, hops=hops, way=way, level=level) for code in codes for hops, way, level in flows]


@settings(max_examples=30)
@given(policies, st.sets(st.sampled_from([*CODES, "nobody-knows-it", "not-there"]), min_size=1, max_size=8))
def test_a_slice_compiles_to_exactly_the_plans_of_the_whole(drawn: tuple[list[Entry], list[Regrade]], wanted: set[str]) -> None:
    listed, graded = drawn
    city = replace(CITY, contents=replace(CITY.contents, entries=tuple(listed), regrades=tuple(graded)))
    codes, parts = tuple(sorted(wanted)), list[Slice]()
    while not parts or not frozenset().union(*(part.named() for part in parts)) <= set(codes):
        codes = tuple(sorted({*codes, *(name for part in parts for name in part.named())}))
        parts = [sent(PROVINCE, codes), sent(city, codes)]
    sliced = merge(covered_alike([(part.bundle(), part) for part in parts]))
    full = merge([PROVINCE, city])
    assert every_plan(sliced, codes) == every_plan(full, codes)
    for code in codes:
        assert [one for one in sliced.regrades if one.regrade.resource == code] == [
            one for one in full.regrades if one.regrade.resource == code
        ]
    assert (sliced.version, sliced.masks, sliced.release, sliced.ceiling) == (full.version, full.masks, full.release, full.ceiling)


def test_without_what_a_resource_is_made_of_it_is_held() -> None:
    heir = next(one for one in PROVINCE.contents.catalogue if one.lineage)
    part = sent(PROVINCE, (heir.code,))
    assert set(heir.lineage) <= part.named()
    plan = PlanBook(merge([part.bundle()]), now_us=NOW_US).plan(heir.code, hops=1, way=Way.UP, level=Level.STREET)
    assert plan.base.verdict is Verdict.HOLD


def test_what_one_slice_does_not_answer_for_is_not_defined_at_all() -> None:
    province, city = sent(PROVINCE, CODES), sent(with_entries(CITY, entry(1, CODES[1])), CODES[:1])
    rules = merge(covered_alike([(province.bundle(), province), (city.bundle(), city)]))
    assert set(rules.resources) == {CODES[0]}
    plan = PlanBook(rules, now_us=NOW_US).plan(CODES[1], hops=1, way=Way.UP, level=Level.STREET)
    assert (plan.base.verdict, plan.base.reason.word) == (Verdict.HOLD, "unclassified")


def test_whole_bundles_beside_slices_keep_only_what_all_slices_answer_for() -> None:
    city = sent(CITY, CODES[:2])
    rules = merge(covered_alike([(PROVINCE, None), (city.bundle(), city)]))
    assert set(rules.resources) == set(CODES[:2])


def test_a_slice_is_answered_again_from_a_slice() -> None:
    street = sent(PROVINCE, CODES[:5])
    grid = read(encode(street.narrowed([*CODES[2:8]])))
    assert grid.codes == frozenset(CODES[2:5])
    assert grid.bundle() == sent(PROVINCE, CODES[2:5]).bundle()


def test_two_slices_of_one_root_are_one() -> None:
    together = sent(PROVINCE, CODES[:3]).joined(sent(PROVINCE, CODES[2:6]))
    assert together.checked().bundle() == sent(PROVINCE, CODES[:6]).bundle()


def test_of_another_epoch_only_the_texts_that_changed_travel() -> None:
    before = sent(CITY, CODES)
    after = whole(with_entries(CITY, entry(1, CODES[0]))).narrowed(CODES, without=before.marks)
    changed = [json.loads(text) for text in after.texts.values()]
    assert [leaf["resource"] for leaf in changed] == [CODES[0]]
    assert read(encode(after), before.texts).bundle() == sent(with_entries(CITY, entry(1, CODES[0])), CODES).bundle()


def test_a_delta_needs_the_texts_that_it_leaves_out() -> None:
    before = sent(PROVINCE, CODES[:3])
    data = encode(whole(replace(PROVINCE, epoch=2)).narrowed(CODES[:3], without=before.marks))
    with pytest.raises(BundleError, match="chain of certificates is not there"):
        read(data)
    chain = {digest: text for digest, text in before.texts.items() if text == b"chain"}
    with pytest.raises(BundleError, match="texts of the common leaf are not there"):
        read(data, chain)
    common = {digest: before.texts[digest] for digest in before.root.common}
    with pytest.raises(BundleError, match="named and not there"):
        read(data, chain | common)


def test_one_more_common_entry_changes_few_of_many_common_texts() -> None:
    listed = tuple(entry(number, "res*") for number in range(1, 400))
    before, after = root_of(with_entries(CITY, *listed)), root_of(with_entries(CITY, *listed[:200], entry(999, "res*"), *listed[200:]))
    assert len(before.common) > 20
    assert len(set(after.common) - set(before.common)) <= 2


def test_what_a_code_needs_beside_its_own_leaf_is_named() -> None:
    derived = next(one for one in PROVINCE.contents.catalogue if one.derived is not None)
    assert derived.derived is not None
    assert derived.code in sent(PROVINCE, (derived.derived.source,)).named()
    assert derived.derived.source in sent(PROVINCE, (derived.code,)).named()


# ---- forgeries


def tampered(data: bytes, **changes: object) -> bytes:
    value = json.loads(zlib.decompress(data))
    return zlib.compress(canonical_json(value | changes))


def opened(data: bytes) -> dict[str, Any]:
    value = json.loads(zlib.decompress(data))
    assert isinstance(value, dict)
    return value


SENT = encode(whole(PROVINCE).narrowed(CODES[:3]))


def test_a_forged_leaf_is_refused() -> None:
    texts = [text.replace('"grade":3', '"grade":1') for text in opened(SENT)["texts"]]
    assert texts != opened(SENT)["texts"]
    with pytest.raises(BundleError, match="belong to no leaf"):
        read(tampered(SENT, texts=texts))


def test_a_wrong_path_is_refused() -> None:
    other = encode(whole(with_entries(PROVINCE, entry(1, CODES[0]))).narrowed(CODES[:3]))
    forged = tampered(SENT, trie=opened(other)["trie"], texts=sorted({*opened(SENT)["texts"], *opened(other)["texts"]}))
    with pytest.raises(BundleError, match=r"does not lead to the signed root|belong to no leaf"):
        read(forged)
    swapped = tampered(SENT, trie=opened(other)["trie"], texts=opened(other)["texts"])
    with pytest.raises(BundleError, match="does not lead to the signed root"):
        read(swapped)


def test_a_leaf_claimed_as_absent_is_refused() -> None:
    claimed = tampered(SENT, codes=sorted([*CODES[:3], *CODES[10:]]))
    with pytest.raises(BundleError, match="neither shown nor proved absent"):
        read(claimed)


def test_a_leaf_left_out_is_refused() -> None:
    texts = [text for text in opened(SENT)["texts"] if f'"resource":"{CODES[0]}"' not in text]
    with pytest.raises(BundleError, match=f"the rules of {CODES[0]} are named and not there"):
        read(tampered(SENT, texts=texts))


def test_a_common_text_left_out_is_refused() -> None:
    texts = [text for text in opened(SENT)["texts"] if '"ceiling"' not in text]
    with pytest.raises(BundleError, match="1 texts of the common leaf are not there"):
        read(tampered(SENT, texts=texts))


def test_the_leaf_of_another_resource_under_a_code_is_refused() -> None:
    foreign = canonical_json({"resource": CODES[1], "contents": {}, "derives": []})
    digest = hashlib.sha256(foreign).digest()
    grown = tries.build({key_of(CODES[0]): digest})
    base = signed(PROVINCE)
    root = replace(base.root, trie=tries.root_hash(grown), common=())
    part = Slice(replace(base, root=root), grown, {digest: foreign}, frozenset({CODES[0]}))
    with pytest.raises(BundleError, match=f"leaf of {CODES[0]} is about {CODES[1]}"):
        part.checked().bundle()


def test_a_root_of_a_lower_epoch_or_another_of_the_same_is_refused() -> None:
    held = root_of(replace(PROVINCE, epoch=5))
    assert check_succession(replace(held, epoch=6), held)
    assert not check_succession(held, held)
    with pytest.raises(BundleError, match="epoch 5 is in force and epochs only rise"):
        check_succession(replace(held, epoch=4), held)
    with pytest.raises(BundleError, match="differs from the one held"):
        check_succession(replace(held, trie=bytes(32)), held)
    with pytest.raises(BundleError, match="does not replace one of shandong"):
        check_succession(root_of(CITY), held)


def test_a_root_that_is_not_that_of_the_bundle_serves_nothing() -> None:
    with pytest.raises(BundleError, match="not that of the bundle held"):
        whole_of(replace(PROVINCE, epoch=2), signed(PROVINCE))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "cut off"),
        (b"{}", "not compressed"),
        (SENT[:-4], "cut off"),
        (SENT + b"x", "cut off"),
        (zlib.compress(b"[1, 2]"), "not in canonical form"),
        (zlib.compress(b"[" * 100_000), "not JSON"),
        (zlib.compress(b"[]"), "expected a table"),
        (zlib.compress(bytes(40 << 20)), "more than"),
        (bytes(5 << 20), "at most"),
        (tampered(SENT, more=1), "unknown key more"),
        (tampered(SENT, chain="00"), "64 hex digits"),
        (tampered(SENT, signature="%"), "not base64"),
        (tampered(SENT, codes=["Not A Code"]), "codes"),
    ],
)
def test_what_is_no_slice_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(BundleError, match=why):
        read(data)


@settings(max_examples=150)
@given(st.integers(0, len(zlib.decompress(SENT)) - 1), st.integers(1, 255))
def test_no_changed_byte_changes_what_is_said_under_a_root(place: int, change: int) -> None:
    text = bytearray(zlib.decompress(SENT))
    text[place] ^= change
    original = read(SENT)
    try:
        part = read(zlib.compress(bytes(text)))
        part.bundle()
    except BundleError:
        return
    if part.root == original.root and part.codes is not None:
        for code in set(CODES[:3]) & part.codes:
            assert part.leaf(code) == original.leaf(code)
        assert [part.texts[digest] for digest in part.root.common] == [original.texts[digest] for digest in original.root.common]


def test_a_root_by_itself_travels_with_its_chain() -> None:
    part = read(encode(alone(signed(PROVINCE))))
    assert (part.signed, part.codes) == (signed(PROVINCE), frozenset())
    assert not part.covers(CODES[0])


def test_an_empty_bundle_has_slices_too() -> None:
    empty = Bundle("shinan", Level.DISTRICT, 1, 0, END_US, Contents())
    assert sent(empty, CODES[:2]).bundle() == empty


def test_a_root_reads_back_as_written_and_nothing_else() -> None:
    root = root_of(PROVINCE)
    assert Root.of(root.encoded()) == root
    with pytest.raises(BundleError, match="513 texts, at most 512"):
        Root.of(root.encoded() | {"common": ["00" * 32] * 513})


def test_marks_are_beginnings_of_hashes() -> None:
    assert {len(mark) for mark in whole(PROVINCE).marks} == {MARK_BYTES}
