"""The bytes of format 1 do not change: today's encoder writes the fixtures, today's decoder reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync.core.messages import Stop
from sync.wire.codec import Unknown, decode, encode
from sync.wire.codec_batch import header_digest
from tests.sync.wire.samples import sample_header, sample_messages

GOLDEN = Path(__file__).parent / "golden"
SAMPLES = sample_messages()


def fixture(name: str) -> bytes:
    return bytes.fromhex((GOLDEN / f"{name}.hex").read_text("ascii"))


@pytest.mark.parametrize("name", SAMPLES)
def test_encoder_writes_exactly_the_bytes_of_format_1(name: str) -> None:
    assert encode(SAMPLES[name]).hex() == fixture(name).hex()


@pytest.mark.parametrize("name", SAMPLES)
def test_decoder_reads_the_bytes_of_format_1(name: str) -> None:
    assert decode(fixture(name)) == SAMPLES[name]


def test_header_digest_of_format_1_does_not_change() -> None:
    assert header_digest(sample_header()).hex() == (GOLDEN / "header-digest.hex").read_text("ascii").strip()


def test_a_newer_format_with_an_unknown_body_is_named_and_the_link_can_go_on() -> None:
    assert decode(fixture("newer-unknown-body")) == Unknown(2, (30, 31))


def test_a_newer_format_with_unknown_fields_in_a_known_body_is_read() -> None:
    assert decode(fixture("newer-unknown-fields")) == Stop("upgrade")


def test_every_message_has_a_fixture_and_no_fixture_is_left_over() -> None:
    known = {*SAMPLES, "header-digest", "newer-unknown-body", "newer-unknown-fields"}
    assert {path.stem for path in GOLDEN.glob("*.hex")} == known
