"""The bytes of an envelope: only its target opens it, and only as its sealer made it."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from node.identity.files import IdentityFiles
from node.requests.envelope import Paper
from node.sealed.errors import EnvelopeRefused
from node.sealed.letter import ENVELOPE_BYTES_MAX, ENVELOPE_LIFE_US, PART_BYTES_MAX, opened_letter, part_of, sealed_letter
from sync.model import Direction
from tests.contracts.batches import run, stored
from tests.node.identity.family import DAY_US, NOW_US
from tests.node.sealed.line import seal_of, signer_of

BATCH = stored(1, [run(1, 4)], payload=b"zebra " * 20, direction=Direction.RETURN).batch
Family = dict[str, IdentityFiles]


def letter(family: Family, *, sealer: str = "city", target: str = "street", at_us: int = NOW_US) -> bytes:
    seal = seal_of(family[sealer], lambda: at_us)
    return sealed_letter([part_of(BATCH)], signer_of(family[target]), me=sealer, number=b"n" * 16, seal=seal)


def test_the_target_opens_what_was_sealed_for_it(family: Family) -> None:
    opened = opened_letter(letter(family), me="street", seal=seal_of(family["street"]))
    assert (opened.sealer.node, opened.sealed_us, opened.batches) == ("city", NOW_US, (BATCH,))


def test_nobody_else_opens_it_whoever_it_is_handed_to(family: Family) -> None:
    with pytest.raises(EnvelopeRefused, match="it is for street, this node is district"):
        opened_letter(letter(family), me="district", seal=seal_of(family["district"]))
    with pytest.raises(EnvelopeRefused, match="does not open"):
        opened_letter(letter(family), me="street", seal=seal_of(family["district"]))
    assert b"zebra" not in letter(family)


def test_a_part_of_another_envelope_does_not_fit(family: Family) -> None:
    one, other = (msgspec.msgpack.decode(letter(family, at_us=NOW_US + more), type=Paper) for more in (0, 1))
    for mixed in (Paper(one.front, other.body, one.chain_pem, one.signature), Paper(other.front, one.body, one.chain_pem, one.signature)):
        with pytest.raises(EnvelopeRefused, match="not as city signed it"):
            opened_letter(msgspec.msgpack.encode(mixed), me="street", seal=seal_of(family["street"]))


def test_who_signs_under_another_name_is_refused(family: Family) -> None:
    forged = sealed_letter([part_of(BATCH)], signer_of(family["street"]), me="city", number=b"n" * 16, seal=seal_of(family["district"]))
    with pytest.raises(EnvelopeRefused, match="names city and was signed by district"):
        opened_letter(forged, me="street", seal=seal_of(family["street"]))


def test_an_old_envelope_is_refused_and_one_whose_certificate_ended_since_is_not(family: Family) -> None:
    sealed = letter(family)
    with pytest.raises(EnvelopeRefused, match=f"sealed it {ENVELOPE_LIFE_US // DAY_US + 1} days ago"):
        opened_letter(sealed, me="street", seal=seal_of(family["street"], lambda: NOW_US + ENVELOPE_LIFE_US + DAY_US))
    later = NOW_US + ENVELOPE_LIFE_US - 1
    assert opened_letter(sealed, me="street", seal=seal_of(family["street"], lambda: later)).batches


@pytest.mark.parametrize("data", [b"", b"\x00", b"no envelope", msgspec.msgpack.encode(Paper(b"", b"", "", b""))])
def test_what_does_not_parse_is_refused(family: Family, data: bytes) -> None:
    with pytest.raises(EnvelopeRefused, match="envelope refused"):
        opened_letter(data, me="street", seal=seal_of(family["street"]))


def test_what_is_too_large_is_neither_read_nor_sealed(family: Family) -> None:
    with pytest.raises(EnvelopeRefused, match="at most"):
        opened_letter(bytes(ENVELOPE_BYTES_MAX + 1), me="street", seal=seal_of(family["street"]))
    large = bytes(PART_BYTES_MAX)
    assert part_of(replace(BATCH, payload=large, header=replace(BATCH.header, payload_bytes=len(large)))) == b""


def test_a_part_that_is_no_batch_is_refused(family: Family) -> None:
    sealed = sealed_letter([b"\x08\x01junk"], signer_of(family["street"]), me="city", number=b"n" * 16, seal=seal_of(family["city"]))
    with pytest.raises(EnvelopeRefused, match="envelope of city refused"):
        opened_letter(sealed, me="street", seal=seal_of(family["street"]))
