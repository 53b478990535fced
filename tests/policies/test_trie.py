"""The Merkle trie: one hash for all leaves, proofs of presence and of absence, and nothing that is no trie."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.errors import BundleError
from policies.trie import EMPTY, Branch, Leaf, Pruned, Trie, build, decode, encode, joined, look_up, pruned, root_hash


def sha(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def values_of(names: list[str]) -> dict[bytes, bytes]:
    return {sha(name): sha(f"{name} says") for name in names}


names = st.lists(st.text("abcd", max_size=5), unique=True, max_size=40)


@given(names, st.randoms(use_true_random=False))
def test_the_root_does_not_depend_on_the_order(listed: list[str], rng) -> None:  # type: ignore[no-untyped-def]
    values = values_of(listed)
    shuffled = list(values.items())
    rng.shuffle(shuffled)
    assert build(dict(shuffled)) == build(values)


@given(names, names)
def test_two_sets_of_leaves_have_one_root_only_when_they_are_equal(one: list[str], other: list[str]) -> None:
    assert (root_hash(build(values_of(one))) == root_hash(build(values_of(other)))) == (set(one) == set(other))


@given(names, names)
def test_a_pruning_proves_presence_and_absence_of_what_was_asked_and_keeps_the_root(listed: list[str], asked: list[str]) -> None:
    values = values_of(listed)
    whole = build(values)
    part = decode(encode(pruned(whole, map(sha, asked))))
    assert root_hash(part) == root_hash(whole)
    for name in asked:
        end = look_up(part, sha(name))
        found = end.value if isinstance(end, Leaf) and end.key == sha(name) else None
        assert not isinstance(end, Pruned)
        assert found == values.get(sha(name))


@given(names, names, names)
def test_two_prunings_together_show_what_either_shows(listed: list[str], one: list[str], other: list[str]) -> None:
    whole = build(values_of(listed))
    both = joined(pruned(whole, map(sha, one)), pruned(whole, map(sha, other)))
    if one and other:
        assert both == pruned(whole, map(sha, {*one, *other}))
    assert root_hash(both) == root_hash(whole)


def test_what_was_not_asked_for_is_neither_there_nor_absent() -> None:
    part = pruned(build(values_of(["a", "b", "c", "d"])), [sha("a")])
    hidden = [name for name in "bcd" if isinstance(look_up(part, sha(name)), Pruned)]
    assert hidden


def test_a_changed_value_or_place_changes_the_root() -> None:
    values = values_of([f"r-{index}" for index in range(50)])
    whole = build(values)
    assert isinstance(whole, Branch)
    swapped = Branch(whole.bit, whole.right, whole.left)
    other = build(values | {sha("r-7"): sha("another")})
    assert len({root_hash(whole), swapped.hash, root_hash(other)}) == 3


def test_no_leaves_have_a_root_of_their_own() -> None:
    assert (build({}), root_hash(None), encode(None), decode(b"")) == (None, EMPTY, b"", None)


def chain_of(bits: list[int]) -> bytes:
    """Branches below each other with hashes beside them."""
    return b"".join(b"B" + bytes([bit]) + b"P" + bytes(32) for bit in bits) + b"P" + bytes(32)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"X", "no kind of node"),
        (b"L" + bytes(63), "in the middle of a node"),
        (b"B", "in the middle of a node"),
        (b"P" + bytes(33), "1 bytes behind its end"),
        (chain_of([3, 3]), "bit 3 below one at bit 3"),
        (chain_of([9, 4]), "bit 4 below one at bit 9"),
    ],
)
def test_what_is_no_trie_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(BundleError, match=why):
        decode(data)


def test_the_longest_path_is_as_long_as_a_key_has_bits() -> None:
    assert isinstance(decode(chain_of(list(range(256)))), Branch)
    with pytest.raises(BundleError, match="below one at bit 255"):
        decode(chain_of([*range(256), 255]))


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_bytes_of_anybody_are_read_or_refused(data: bytes) -> None:
    try:
        read: Trie = decode(data)
    except BundleError:
        return
    assert encode(read) == data


@pytest.mark.slow
def test_ten_thousand_leaves_have_paths_of_a_few_hundred_bytes() -> None:
    whole = build(values_of([f"r-{index}" for index in range(10_000)]))
    assert len(encode(pruned(whole, [sha("r-77")]))) < 1_000
