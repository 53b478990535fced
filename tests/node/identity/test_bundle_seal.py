"""Bundles: signed by whom they say, with a chain that ends at the pinned root."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from node.identity.bundle_seal import BundleSeal
from policies.bundle import Bundle, SignedBundle, decode_signed
from policies.errors import BundleError
from policies.presets import preset_bundle
from sync.model import Level
from tests.node.identity.family import CITY, DISTRICT, PROVINCE, make_node


@pytest.fixture
def seals(tmp_path: Path) -> dict[str, BundleSeal]:
    province = make_node(tmp_path, PROVINCE)
    city = make_node(tmp_path, CITY, parent=province)
    district = make_node(tmp_path, DISTRICT, parent=city)
    return {"shandong": BundleSeal(province), "qingdao": BundleSeal(city), "shinan": BundleSeal(district)}


def bundle(issuer: str = "qingdao", level: Level = Level.MUNICIPAL) -> Bundle:
    return replace(preset_bundle(Level.MUNICIPAL, issuer=issuer, not_before_us=0, not_after_us=10), level=level)


def test_a_sound_bundle_tells_its_issuers_territory_to_every_node(seals: dict[str, BundleSeal]) -> None:
    signed = decode_signed(seals["qingdao"].sign(bundle()).encode())
    assert {seal.territory_of(signed) for seal in seals.values()} == {"3702"}


def test_an_issuer_signs_the_root_of_its_own_bundle_and_everybody_can_check_it(seals: dict[str, BundleSeal]) -> None:
    signed = seals["qingdao"].own_root(bundle())
    assert signed is not None
    assert seals["shinan"].own_root(bundle()) is None
    assert {seal.territory_of_root(signed) for seal in seals.values()} == {"3702"}
    with pytest.raises(BundleError, match="slice of bundle qingdao epoch 9 refused: its signature does not hold"):
        seals["shinan"].territory_of_root(replace(signed, root=replace(signed.root, epoch=9)))


def test_a_bundle_in_anothers_name_is_refused(seals: dict[str, BundleSeal]) -> None:
    forged = seals["shinan"].sign(bundle("qingdao"))
    with pytest.raises(BundleError, match=r"bundle qingdao .* signed by shinan \(district\)"):
        seals["shandong"].territory_of(forged)


def test_a_bundle_of_a_higher_level_than_its_issuers_is_refused(seals: dict[str, BundleSeal]) -> None:
    forged = seals["qingdao"].sign(bundle(level=Level.PROVINCIAL))
    with pytest.raises(BundleError, match=r"signed by qingdao \(municipal\)"):
        seals["shinan"].territory_of(forged)


def test_a_changed_bundle_is_refused(seals: dict[str, BundleSeal]) -> None:
    signed = seals["qingdao"].sign(bundle())
    with pytest.raises(BundleError, match="signature does not hold"):
        seals["shinan"].territory_of(SignedBundle(replace(signed.bundle, epoch=9), signed.signature, signed.chain_pem))


def test_a_bundle_of_another_province_is_refused(seals: dict[str, BundleSeal], tmp_path: Path) -> None:
    stranger = BundleSeal(make_node(tmp_path / "elsewhere", PROVINCE))
    signed = stranger.sign(preset_bundle(Level.PROVINCIAL, issuer="shandong", not_before_us=0, not_after_us=10))
    with pytest.raises(BundleError, match="does not end at our provincial root"):
        seals["qingdao"].territory_of(signed)


@pytest.mark.parametrize("chain", ["", "garbage", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_chain_that_is_none_is_refused(seals: dict[str, BundleSeal], chain: str) -> None:
    signed = seals["qingdao"].sign(bundle())
    with pytest.raises(BundleError, match="bundle qingdao epoch 1 refused"):
        seals["shinan"].territory_of(replace(signed, chain_pem=chain))
