"""Policy versions: vectors of epochs that compare by component and are named by a hash."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sync.model import PolicyVersion

ISSUERS = st.sampled_from(["shandong", "qingdao", "qd-shinan", "qd-zhongshanlu"])
EPOCHS = st.dictionaries(ISSUERS, st.integers(1, 5))


@given(EPOCHS)
def test_the_order_of_issuers_does_not_matter(epochs: dict[str, int]) -> None:
    turned = dict(reversed(epochs.items()))
    assert PolicyVersion.of(epochs) == PolicyVersion.of(turned)
    assert PolicyVersion.of(epochs).digest == PolicyVersion.of(turned).digest


@given(EPOCHS, EPOCHS)
def test_two_versions_share_a_digest_only_when_they_are_equal(left: dict[str, int], right: dict[str, int]) -> None:
    assert (PolicyVersion.of(left).digest == PolicyVersion.of(right).digest) == (left == right)


@given(EPOCHS, EPOCHS)
def test_a_version_covers_another_when_no_epoch_is_older(left: dict[str, int], right: dict[str, int]) -> None:
    expected = all(left.get(issuer, 0) >= epoch for issuer, epoch in right.items())
    assert PolicyVersion.of(left).covers(PolicyVersion.of(right)) == expected


def test_an_unknown_issuer_has_epoch_zero() -> None:
    assert PolicyVersion.of({"qingdao": 3}).epoch("qingdao") == 3
    assert PolicyVersion.of({"qingdao": 3}).epoch("shandong") == 0


def test_the_digest_of_a_version_is_fixed_for_ever() -> None:
    digest = PolicyVersion.of({"shandong": 2, "qingdao": 1}).digest
    assert digest.hex() == "e7f19f7834c99287c47f933017d47a4ed5af6ad4c6f0c5c147f589210e4504b3"
