"""No path at all: three real nodes that never have a link, and a stick that makes the round (issue 3, item 6)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from node.carriage.parcel import open_parcel, peek_header, peek_seal
from node.carriage.writer import ParcelWriter, Sealing
from node.client import ApiError
from node.identity.bundle_seal import BundleSeal
from node.identity.files import IdentityFiles
from node.identity.keys import read_manifest_key, read_tls_key
from node.identity.verify import load_chain, verify_chain
from policies.bundle import decode_signed
from sync.core.messages import Data
from sync.model import Level
from sync.wire.codec import decode, encode
from sync.wire.payload import unfold_payload
from tests.e2e.carriage import bundle, ids_at, introduce, make_round, make_unlinked, put_readings
from tests.e2e.city.people import ENTERPRISE_COLUMNS, PROTECTED, RESIDENT_COLUMNS, enterprises, residents
from tests.e2e.cluster import Cluster, Node, Place, cli, cli_json, records
from tests.e2e.starter import said, start

pytestmark = pytest.mark.slow

TOTALS = "residents-summary"
"""Made of the residents of an earlier test when 15 s are over: on a slow machine they go with a later round."""
NOTE_CHARS = 300
"""Noise that does not compress, so that an export has several parts of the smallest size."""

PLACES = (
    Place("shandong", Level.PROVINCIAL, "37"),
    Place("qingdao", Level.MUNICIPAL, "3702", "shandong"),
    Place("qd-street", Level.STREET, "370202001", "qingdao"),
)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three nodes without any link, introduced to each other from the top down."""
    cluster = Cluster(tmp_path_factory.mktemp("carried"))
    make_unlinked(cluster, PLACES)
    try:
        cluster.start()
        sticks = cluster.folder / "stick"
        sticks.mkdir()
        introduce(cluster["qingdao"], cluster["shandong"], sticks)
        introduce(cluster["qd-street"], cluster["qingdao"], sticks)
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    folder = tmp_path / "stick"
    folder.mkdir()
    return folder


def messages_in(path: Path, node: Node) -> list[object]:
    """What a file says, decrypted with the key of the node it is for."""
    files = IdentityFiles(node.folder)
    key = read_tls_key(files.key("tls"))

    def manifest_key(header: object) -> bytes:
        return verify_chain(header.chain_pem.encode(), root_pem=files.root_pem(), now_us=None).manifest_key  # type: ignore[attr-defined]

    return [decode(message) for message in open_parcel(path, own=node.id, key=key, authorise=manifest_key).messages()]


def secured(node: Node, peer: str) -> int:
    """The highest lsn of a node that its peer's own parent has too."""
    with closing(sqlite3.connect(node.journal)) as connection:
        return int(connection.execute("SELECT coalesce(max(secured), 0) FROM out_mark WHERE peer = ?", (peer,)).fetchone()[0])


def assert_books_hold(*nodes: Node) -> None:
    for node in nodes:
        answer = node.call("audit_flow")
        assert answer["first_difference"] is None
        assert all(entry["holds"] for hop in answer["hops"] for entry in hop["streams"])


def test_two_rounds_bring_every_record_to_the_top(city: Cluster, stick: Path) -> None:
    street, middle, top = city["qd-street"], city["qingdao"], city["shandong"]
    put_readings(street, 0, 4_000)
    make_round(street, middle, stick)
    make_round(middle, top, stick)
    assert ids_at(street) == ids_at(middle) == ids_at(top)
    assert len(ids_at(top)) == len(set(ids_at(top))) >= 4_000
    assert_books_hold(street, middle, top)


def test_secured_marks_come_with_a_later_receipt(city: Cluster, stick: Path) -> None:
    street, middle, top = city["qd-street"], city["qingdao"], city["shandong"]
    put_readings(street, 10_000, 10)
    make_round(street, middle, stick)
    before = secured(street, "qingdao")
    make_round(middle, top, stick)
    assert secured(street, "qingdao") == before
    later = bundle(middle, "receipt_write", peer="qd-street", folder=str(stick))
    bundle(street, "receipt", path=later["receipt"])
    assert secured(street, "qingdao") > before


def test_what_is_withheld_is_not_on_the_stick(city: Cluster, stick: Path) -> None:
    street, middle = city["qd-street"], city["qingdao"]
    street.call("put", resource="residents", columns=RESIDENT_COLUMNS, rows=residents().rows)
    exported, _ = make_round(street, middle, stick)
    frames = [message.frame for path in exported["files"] for message in messages_in(Path(path), middle) if isinstance(message, Data)]
    told = [str(unfold_payload(frame.batch.payload).to_pydict()) for frame in frames if frame.batch.header.resource == "residents"]
    secrets = residents().values("resident_id", "name", "id_number", "phone") | {PROTECTED}
    assert told
    assert [secret for secret in secrets for text in told if secret in text] == []
    listed = sum(row[-1] == PROTECTED for row in residents().rows)
    assert records(middle, "residents") == len(residents().rows) - listed
    assert_books_hold(street, middle)


def test_returned_data_goes_down_by_stick_to_its_own_territory(city: Cluster, stick: Path) -> None:
    street, middle = city["qd-street"], city["qingdao"]
    middle.call("put", resource="enterprises", columns=ENTERPRISE_COLUMNS, rows=enterprises())
    _, imported = make_round(middle, street, stick)
    assert imported["files"]
    assert records(street, "enterprises") == sum(str(row[0]).startswith("370202001") for row in enterprises())
    assert_books_hold(street, middle)


def test_parts_come_in_any_order_and_twice(city: Cluster, stick: Path) -> None:
    street, middle = city["qd-street"], city["qingdao"]
    put_readings(street, 20_000, 500)
    first = bundle(street, "export", peer="qingdao", folder=str(stick))["files"]
    put_readings(street, 21_000, 500)
    both = bundle(street, "export", peer="qingdao", folder=str(stick))["files"]
    assert (both[:1], len(both)) == (first, 2)
    early = bundle(middle, "import", paths=both[1:], receipts=str(stick))
    assert early["files"] == []
    assert "is not here yet: import number" in early["refused"][0]["why"]
    for _ in range(2):
        taken = bundle(middle, "import", paths=[both[1], both[0]], receipts=str(stick))
        assert taken["refused"] == []
    assert [entry["frames_new"] for entry in taken["files"]] == [0, 0]
    for receipt in taken["receipts"]:
        bundle(street, "receipt", path=receipt)
    assert ids_at(street) == ids_at(middle)
    (carriage,) = street.call("status")["carriages"]
    assert (carriage["peer"], carriage["kind"], carriage["parts_waiting"]) == ("qingdao", "stick", 0)


def test_an_old_receipt_and_a_foreign_file_change_nothing(city: Cluster, stick: Path) -> None:
    street, middle, top = city["qd-street"], city["qingdao"], city["shandong"]
    older = bundle(middle, "receipt_write", peer="qd-street", folder=str(stick))["receipt"]
    newer = bundle(middle, "receipt_write", peer="qd-street", folder=str(stick))["receipt"]
    bundle(street, "receipt", path=newer)
    with pytest.raises(ApiError, match="a newer file of qingdao was taken already"):
        bundle(street, "receipt", path=older)
    with pytest.raises(ApiError, match="is for qd-street, this node is shandong: take it there"):
        bundle(top, "receipt", path=newer)
    with pytest.raises(ApiError, match="neither the parent nor an admitted child"):
        bundle(top, "export", peer="qd-street", folder=str(stick))


def test_what_a_hostile_child_signs_is_one_error_and_the_node_runs_on(city: Cluster, stick: Path) -> None:
    street, middle = city["qd-street"], city["qingdao"]
    put_readings(street, 25_000, 20)
    (true,) = (Path(file) for file in bundle(street, "export", peer="qingdao", folder=str(stick))["files"])
    said = [encode(message) for message in messages_in(true, middle)]  # type: ignore[arg-type]
    lies = {
        "garbage": ([*said[:3], b"\xff" * 500], "envelope refused"),
        "no-hello": (said[1:], "qd-street began with Bundles instead of Hello"),
        "no-policy": ([said[0], *said[3:]], "before its policy"),
        "empty": ([], "it ends before its policy"),
    }
    for name, (messages, why) in lies.items():
        forged = forge(stick / f"{name}.parcel", true, messages, street, middle)
        (refused,) = bundle(middle, "import", paths=[str(forged)], receipts=str(stick))["refused"]
        assert f"{name}.parcel refused: " in refused["why"]
        assert why in refused["why"]
    twice = forge(stick / "twice.parcel", true, [*said, *said[3:]], street, middle)
    assert bundle(middle, "import", paths=[str(twice)], receipts=str(stick))["refused"] == []
    _, imported = make_round(street, middle, stick)
    assert imported["refused"] == []
    assert ids_at(street) == ids_at(middle)
    assert_books_hold(street, middle)


def forge(path: Path, true: Path, messages: list[bytes], sender: Node, target: Node) -> Path:
    """A parcel with other messages under the header of `true`, well signed by its sender."""
    key = load_chain(IdentityFiles(target.folder).tls().chain_pem)[0].public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    manifest_key = read_manifest_key(IdentityFiles(sender.folder).key("manifest"))
    writer = ParcelWriter(path, peek_header(true), Sealing(key, manifest_key.sign))
    for message in messages:
        writer.add(message)
    writer.finish(end=peek_seal(true).end, parts=1)
    return path


def test_kill_9_in_the_middle_of_export_and_import_loses_and_doubles_nothing(city: Cluster, stick: Path) -> None:
    street, middle = city["qd-street"], city["qingdao"]
    for first in range(30_000, 60_000, 5_000):
        put_readings(street, first, 5_000, note=NOTE_CHARS)
    spool = street.folder / "carriage" / "qingdao" / "out"
    kill_during(street, lambda: list(spool.glob("*.parcel")) != [], "bundle", "export", "qingdao", str(stick), "--part-mb", "1")
    city.start("qd-street")
    exported = bundle(street, "export", peer="qingdao", folder=str(stick), part_mb=1)
    assert len(exported["files"]) > 2
    paper = middle.folder / "carriage" / "qd-street" / "state.json"
    seen = paper.read_bytes()
    kill_during(middle, lambda: paper.read_bytes() != seen, "bundle", "import", str(stick))
    city.start("qingdao")
    imported = bundle(middle, "import", paths=exported["files"], receipts=str(stick))
    assert imported["refused"] == []
    for receipt in imported["receipts"]:
        bundle(street, "receipt", path=receipt)
    assert ids_at(street) == ids_at(middle)
    assert len(ids_at(middle)) == len(set(ids_at(middle)))
    assert not [path for path in stick.iterdir() if not path.name.endswith(".parcel")]
    assert_books_hold(street, middle)


def kill_during(node: Node, has_begun: Callable[[], bool], *arguments: str) -> None:
    """Start a verb, kill -9 the node as soon as the verb's work shows, and make sure that the verb had not ended."""
    with TemporaryFile() as told:
        busy = start(["--lang", "en", "--dir", str(node.folder), *arguments], out=told, err=told)
        while not has_begun() and busy.poll() is None:
            pass
        node.kill()
        assert busy.wait(60.0) != 0, said(told)


def test_a_policy_that_changed_on_the_way_holds_the_records_until_the_next_round(city: Cluster, stick: Path) -> None:
    street, middle = city["qd-street"], city["qingdao"]
    open_ids = put_readings(street, 70_000, 20)
    secret_ids = put_readings(street, 70_100, 5, quantity="secret")
    exported = bundle(street, "export", peer="qingdao", folder=str(stick))
    middle.kill()
    issue_second_epoch(middle)
    city.start("qingdao")
    imported = bundle(middle, "import", paths=exported["files"], receipts=str(stick))
    assert sum(entry["refused"] for entry in imported["files"]) > 0
    assert not {*open_ids, *secret_ids} & {*ids_at(middle)}
    bundle(street, "receipt", path=imported["receipts"][0])
    totals = records(middle, TOTALS)
    again, taken = make_round(street, middle, stick)
    assert again["records_new"] == len(open_ids) + records(middle, TOTALS) - totals
    assert [entry["refused"] for entry in taken["files"]] == [0]
    assert {*ids_at(middle)} & {*open_ids, *secret_ids} == {*open_ids}
    assert_books_hold(street, middle)


def issue_second_epoch(node: Node) -> None:
    """The municipality denies readings of one quantity from now on; signed with its own key, while it is stopped."""
    files = IdentityFiles(node.folder)
    path = node.folder / "policy" / f"{node.id}.json"
    held = decode_signed(path.read_bytes()).bundle
    listed = held.contents.entries[0]
    entry = replace(listed, id="NL-2", resource="air-quality", predicate="quantity IN ('secret')")
    contents = replace(held.contents, entries=(*held.contents.entries, entry))
    path.write_bytes(BundleSeal(files).sign(replace(held, epoch=held.epoch + 1, contents=contents)).encode())


def test_a_user_meets_one_line_and_an_exit_code(city: Cluster, stick: Path) -> None:
    street = city["qd-street"]
    broken = stick / "x.parcel"
    broken.write_bytes(b"YNPARCEL\x00\x09" + bytes(100))
    done = cli(street.folder, "bundle", "import", str(broken))
    assert done.returncode == 1
    assert "has format 9, this program reads 1: update the older of the two nodes" in done.stderr
    assert cli(street.folder, "bundle", "receipt").returncode == 2
    absent = cli(street.folder, "bundle", "export", "qingdao", str(stick / "absent"))
    assert (absent.returncode, "Traceback" in absent.stderr) == (4, False)
    assert "mount the stick, or make the folder first" in absent.stderr
    assert cli_json(street.folder, "status")["carriages"][0]["role"] == "parent"
