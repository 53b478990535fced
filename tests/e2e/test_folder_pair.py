"""A one-way network gap between two real nodes: watched folders, and a device that copies in any order, twice, half, and deletes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.client import ApiError
from node.config.config import set_parent
from sync.model import Level
from tests.e2e.carriage import bundle, ids_at, introduce, make_round, make_unlinked, put_readings
from tests.e2e.cluster import HOST, Cluster, Place, is_linked

pytestmark = pytest.mark.slow

PAIR = '\n[[carriage]]\npeer = "{peer}"\nout = "gap-out"\nback = "gap-in"\ninterval_s = 0.1\npart_mb = 1\n'
PLACES = (
    Place("shandong", Level.PROVINCIAL, "37", extra=PAIR.format(peer="qingdao")),
    Place("qingdao", Level.MUNICIPAL, "3702", "shandong", extra=PAIR.format(peer="shandong")),
)


@pytest.fixture
def gap(tmp_path: Path) -> Iterator[Cluster]:
    """Two nodes with a folder pair each, never linked."""
    cluster = Cluster(tmp_path)
    make_unlinked(cluster, PLACES)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


class Device:
    """What stands at the gap: it copies what it finds, first half of it, then whole, twice, newest first, and deletes the source."""

    def __init__(self, cluster: Cluster) -> None:
        up, down = cluster["qingdao"].folder, cluster["shandong"].folder
        self._ways = ((up / "gap-out", down / "gap-in"), (down / "gap-out", up / "gap-in"))
        self.copied = 0

    def work(self) -> None:
        """Carry what lies there now."""
        for source, target in self._ways:
            target.mkdir(exist_ok=True)
            for path in sorted(source.glob("*.parcel"), reverse=True):
                whole = path.read_bytes()
                (target / path.name).write_bytes(whole[: len(whole) // 2])
                shutil.copyfile(path, target / path.name)
                shutil.copyfile(path, target / f"copy-of-{path.name}")
                path.unlink()
                self.copied += 1


def test_a_watched_folder_pair_carries_everything_by_itself(gap: Cluster) -> None:
    low, top = gap["qingdao"], gap["shandong"]
    device = Device(gap)

    def is_through(expected: int) -> bool:
        device.work()
        return len(ids_at(top)) >= expected and low.call("status")["carriages"][0]["parts_waiting"] == 0

    def has_policy() -> bool:
        device.work()
        return bool(low.call("resources")["resources"])

    gap.wait("a policy by folder", has_policy)
    for first in (0, 5_000, 10_000):
        put_readings(low, first, 5_000, note=300)
        gap.wait(f"{first + 5_000} readings at the top", lambda first=first: is_through(first + 5_000))  # type: ignore[misc]
    assert ids_at(low) == ids_at(top)

    def is_answered() -> bool:
        device.work()
        (carriage,) = low.call("status")["carriages"]
        return bool(carriage["last_receipt_us"] >= carriage["last_export_us"] > 0)

    gap.wait("a receipt of the last export", is_answered)
    (carriage,) = low.call("status")["carriages"]
    assert (carriage["kind"], carriage["role"], carriage["trouble"]) == ("folder", "parent", "")
    assert not list((top.folder / "gap-in").glob("*.refused"))


def test_a_stick_and_a_link_take_turns(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    make_unlinked(cluster, (PLACES[0].__class__("shandong", Level.PROVINCIAL, "37"), Place("qingdao", Level.MUNICIPAL, "3702", "shandong")))
    low, top, stick = cluster["qingdao"], cluster["shandong"], tmp_path / "stick"
    stick.mkdir()
    try:
        cluster.start()
        introduce(low, top, stick)
        put_readings(low, 0, 100)
        make_round(low, top, stick)
        put_readings(low, 100, 100)
        late = bundle(low, "export", peer="shandong", folder=str(stick))["files"]
        low.kill()
        set_parent(low.folder / "node.toml", address=f"{HOST}:{top.ports['link']}", join_address="")
        cluster.start("qingdao")
        cluster.wait("the link", lambda: is_linked(low))
        put_readings(low, 200, 100)
        cluster.wait("all by link", lambda: len(ids_at(top)) == 300)
        with pytest.raises(ApiError, match="has an open link with this node, which carries everything"):
            bundle(low, "export", peer="shandong", folder=str(stick))
        low.kill()
        set_parent(low.folder / "node.toml", address="", join_address="")
        cluster.start("qingdao")
        put_readings(low, 300, 100)
        bundle(top, "import", paths=late, receipts=str(stick))
        make_round(low, top, stick)
        assert ids_at(low) == ids_at(top)
        assert len(set(ids_at(top))) == len(ids_at(top)) == 400
        assert low.call("audit_flow")["first_difference"] is None
    finally:
        cluster.stop()
