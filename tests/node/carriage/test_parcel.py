"""A file from nowhere: whatever is wrong with it is one error that names the file and the way out, before memory is spent."""

from __future__ import annotations

import struct
from pathlib import Path
from random import Random

import pytest

from node.carriage import parcel
from node.carriage.errors import CarriageError, ParcelRefused, ParcelUnfinished
from node.carriage.parcel import Header, LanePoint, peek_header, peek_seal
from node.carriage.writer import hidden, lay, remove_temporaries
from node.identity.errors import ChainError
from tests.node.carriage.shelf import START, Desk, make_desk
from tests.node.identity.family import CITY, PROVINCE, make_node

FUZZ_CASES = 400


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return make_desk(tmp_path_factory.mktemp("desk"))


@pytest.fixture
def path(tmp_path: Path, desk: Desk) -> Path:
    return desk.write(tmp_path / "p.parcel")


def changed(path: Path, at: int, data: bytes) -> Path:
    whole = bytearray(path.read_bytes())
    whole[at : at + len(data)] = data
    path.write_bytes(whole)
    return path


def test_what_the_sender_wrote_is_what_the_target_reads(path: Path, desk: Desk) -> None:
    opened = desk.open(path)
    assert list(opened.messages()) == [b"one", b"two"]
    assert (opened.header.sender, opened.header.number, opened.seal.messages, opened.seal.end) == ("qingdao", 1, 2, START)
    assert (peek_header(path), peek_seal(path)) == (opened.header, opened.seal)


def test_the_body_is_not_readable_without_the_targets_key(path: Path) -> None:
    assert b"one" not in path.read_bytes()
    assert b"two" not in path.read_bytes()


def test_a_message_over_several_chunks_arrives_whole(tmp_path: Path, desk: Desk) -> None:
    large = bytes(3 << 20)
    assert list(desk.open(desk.write(tmp_path / "l.parcel", [b"", large, b"x"])).messages()) == [b"", large, b"x"]


@pytest.mark.parametrize("share", [0.0, 0.001, 0.2, 0.5, 0.9, 0.999])
def test_a_file_that_breaks_off_is_unfinished(path: Path, desk: Desk, share: float) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ParcelUnfinished, match=r"^p\.parcel refused: .*(wait for the copy, or copy it again)$"):
        desk.open(path)


def test_a_flipped_bit_anywhere_is_refused(path: Path, desk: Desk) -> None:
    whole, rng = path.read_bytes(), Random(7)
    for at in rng.sample(range(len(whole)), 60):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << rng.randrange(8)]) + whole[at + 1 :])
        with pytest.raises((ParcelRefused, ChainError)):
            list(desk.open(path).messages())


def test_noise_of_every_kind_is_refused_and_nothing_else_happens(path: Path, desk: Desk) -> None:
    whole, rng = path.read_bytes(), Random(11)
    for _ in range(FUZZ_CASES):
        data = bytearray(whole[: rng.randrange(len(whole) + 1)] if rng.random() < 0.5 else whole)
        for _ in range(rng.randrange(1, 9)):
            if data:
                data[rng.randrange(len(data))] = rng.randrange(256)
        if bytes(data) == whole:
            continue
        path.write_bytes(data)
        with pytest.raises((ParcelRefused, ChainError)):
            list(desk.open(path).messages())


def test_a_newer_format_says_which_side_to_update(path: Path, desk: Desk) -> None:
    with pytest.raises(ParcelRefused, match="has format 2, this program reads 1: update the older"):
        desk.open(changed(path, 8, struct.pack(">H", 2)))


def test_something_else_is_no_parcel(tmp_path: Path, desk: Desk) -> None:
    (tmp_path / "photo.parcel").write_bytes(b"\xff\xd8\xff" * 100)
    with pytest.raises(ParcelRefused, match="is no parcel"):
        desk.open(tmp_path / "photo.parcel")


def test_lengths_are_judged_before_anything_is_read(path: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ParcelRefused, match="header of 4294967295 bytes is over"):
        desk.open(changed(path, 10, b"\xff" * 4))
    monkeypatch.setattr(parcel, "PARCEL_BYTES_MAX", 100)
    with pytest.raises(ParcelRefused, match="more than a parcel may have"):
        desk.open(path)


def test_a_message_longer_than_a_link_takes_is_refused(tmp_path: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = desk.open(desk.write(tmp_path / "m.parcel", [bytes(1_000)]))
    monkeypatch.setattr(parcel, "MESSAGE_BYTES_MAX", 999)
    with pytest.raises(ParcelRefused, match="message 0 of 1000 bytes is over 999"):
        list(opened.messages())


def test_another_senders_signature_does_not_hold(tmp_path: Path, desk: Desk) -> None:
    stranger = make_node(tmp_path, CITY, parent=desk.top)
    path = desk.write(tmp_path / "s.parcel", chain_pem=stranger.tls().chain_pem.decode())
    with pytest.raises(ParcelRefused, match="is not as qingdao signed it"):
        desk.open(path)


def test_a_chain_of_another_province_is_foreign(tmp_path: Path, desk: Desk) -> None:
    other = make_node(tmp_path / "other", PROVINCE)
    stranger = make_node(tmp_path / "other", CITY, parent=other)
    with pytest.raises(ChainError, match="foreign CA"):
        desk.open(desk.write(tmp_path / "f.parcel", chain_pem=stranger.tls().chain_pem.decode()))


def test_a_file_changed_after_it_was_opened_is_noticed(path: Path, desk: Desk) -> None:
    opened = desk.open(path)
    changed(path, opened.body_at + 3, b"\x00\x00")
    with pytest.raises(ParcelRefused, match="chunk 0 does not decrypt: copy the file again"):
        list(opened.messages())


def test_a_stick_that_is_pulled_out_leaves_no_half_file(tmp_path: Path, path: Path, desk: Desk) -> None:
    with pytest.raises(CarriageError, match="cannot be written"):
        lay(path, tmp_path / "gone")
    hidden(tmp_path / "q.parcel").write_bytes(b"half")
    remove_temporaries(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["p.parcel"]


def test_a_copy_that_is_there_is_left_and_a_broken_one_is_replaced(tmp_path: Path, path: Path) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    copy = lay(path, stick)
    before = copy.stat().st_ino
    assert lay(path, stick).stat().st_ino == before
    copy.write_bytes(path.read_bytes()[:-1] + b"?")
    assert lay(path, stick).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "lie",
    [
        {"sender": "../../etc"},
        {"direction": 9},
        {"start": [LanePoint(9, 0, bytes(32))]},
        {"start": [LanePoint(1, 0, bytes(32)), LanePoint(1, 5, bytes(32))]},
        {"start": [LanePoint(1, -1, bytes(32))]},
        {"start": [LanePoint(1, 1, b"short")]},
        {"policy": [("x", 1)] * 257},
    ],
)
def test_a_signed_lie_in_the_header_is_refused(tmp_path: Path, desk: Desk, lie: dict[str, object]) -> None:
    with pytest.raises(ParcelRefused, match="its header does not parse"):
        desk.open(desk.write(tmp_path / "lie.parcel", [b"one"], **lie))


def test_a_header_keeps_its_own_bound(desk: Desk) -> None:
    header: Header = desk.header(chain_pem="x" * parcel.HEADER_BYTES_MAX)
    with pytest.raises(AssertionError, match="beyond its own bound"):
        parcel.front_of(header)
