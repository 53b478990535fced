"""Restored backups, clones and swapped disks with real processes: nobody acts, and a plain script finds every record once (issue 3)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from benchmarks.plain_audit import audit
from node.errors import EXIT_FAILED
from tests.e2e.cluster import CHAIN, Cluster, Node, cli, cli_json, is_linked, records

pytestmark = pytest.mark.slow

PARENT, CHILD = "shandong", "qingdao"
RESOURCE = "air-quality"
COLUMNS = ["device", "quantity", "value", "text", "unit"]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Cluster]:
    """A province and a city, linked."""
    cluster = Cluster(tmp_path)
    cluster.make(CHAIN[:2])
    cluster.start()
    cluster.wait_linked()
    yield cluster
    cluster.stop()


def put(node: Node, ids: Sequence[str]) -> list[str]:
    """One record for each id, in a batch of its own; acknowledged, so durable, when this returns."""
    for name in ids:
        node.call("put", resource=RESOURCE, columns=COLUMNS, rows=[["d", "q", 1.0, name, None]])
    return list(ids)


def ids(prefix: str, count: int = 5) -> list[str]:
    return [f"{prefix}-{number}" for number in range(count)]


def copy_of(node: Node, folder: Path) -> Node:
    """The folder of a stopped node once more, as a backup tool or a cloned disk makes it; ports are the same, so only one may run."""
    shutil.copytree(node.folder, folder, ignore=shutil.ignore_patterns("*.sock"))
    return Node(node.place, folder, node.ports)


def use(cluster: Cluster, node: Node, *, others: Sequence[str] = ()) -> None:
    """Run this folder as the child, after the other one was stopped."""
    cluster.nodes[CHILD] = node
    cluster.start(CHILD, *others)


def assert_each_once(cluster: Cluster, ledger: Path, written: Sequence[str], **nodes: Node) -> None:
    """`benchmarks/plain_audit.py` finds every id exactly once in every journal."""
    ledger.write_text("".join(json.dumps({"device": "d", "id": name}) + "\n" for name in written), "utf-8")
    for account in audit(ledger, [f"{name}={node.journal}" for name, node in nodes.items()]):
        assert account.is_good, account
        assert account.stored == len(written)


def incarnation(node: Node) -> str:
    return (node.folder / "incarnation").read_text("ascii").strip()


def test_a_restored_backup_that_wrote_before_it_met_its_parent_comes_back_by_itself(pair: Cluster, tmp_path: Path) -> None:
    city, province = pair[CHILD], pair[PARENT]
    shared = put(city, ids("shared"))
    pair.wait_records(RESOURCE, 5, PARENT)
    assert city.stop() == 0
    backup = copy_of(city, tmp_path / "backup")
    use(pair, city)
    lost = put(city, ids("after-the-backup"))
    pair.wait_records(RESOURCE, 10, PARENT)
    assert (city.stop(), province.stop()) == (0, 0)
    before = incarnation(backup)
    use(pair, backup)
    offline = put(backup, ids("after-the-restore"))
    pair.start(PARENT)
    pair.wait_records(RESOURCE, 15, PARENT)
    pair.wait("the city to be linked again", lambda: is_linked(backup))
    assert incarnation(backup) != before
    assert "goes on under a new incarnation" in backup.log
    assert_each_once(pair, tmp_path / "ledger", shared + lost + offline, province=province)
    assert_each_once(pair, tmp_path / "ledger", shared + offline, city=backup)
    assert all(node.call("audit_flow")["first_difference"] is None for node in (province, backup))
    assert "is running already" in cli(backup.folder, "reseed").stderr
    assert backup.stop() == 0
    assert cli(backup.folder, "reseed").returncode == 0
    use(pair, backup)
    pair.wait("the reseed to end", lambda: not (backup.folder / "reseed.wanted").exists())
    assert_each_once(pair, tmp_path / "ledger", shared + lost + offline, city=backup, province=province)


def test_two_clones_that_both_wrote_offline_both_deliver_and_are_named(pair: Cluster, tmp_path: Path) -> None:
    first, province = pair[CHILD], pair[PARENT]
    written = put(first, ids("shared"))
    pair.wait_records(RESOURCE, 5, PARENT)
    assert (first.stop(), province.stop()) == (0, 0)
    second = copy_of(first, tmp_path / "second")
    for name, copy in (("first", first), ("second", second)):
        use(pair, copy)
        written += put(copy, ids(name))
        assert copy.stop() == 0
    use(pair, second, others=[PARENT])
    pair.wait_records(RESOURCE, 10, PARENT)
    assert second.stop() == 0
    use(pair, first)
    pair.wait_records(RESOURCE, 15, PARENT)
    pair.wait("the first copy to have its new incarnation", lambda: is_linked(first))
    assert first.stop() == 0
    use(pair, second)
    written += put(second, ["again"])
    pair.wait_records(RESOURCE, 16, PARENT)
    assert_each_once(pair, tmp_path / "ledger", written, province=province)
    status = cli_json(province.folder, "status")
    (clones,) = status["clones"]
    assert {clones["incarnation"], clones["other_incarnation"]} == {incarnation(first), incarnation(second)}
    assert "clone_suspected" in status["node"]["words"]
    assert "clone suspected: qingdao" in province.log


def test_a_swapped_disk_is_refused_at_the_start(pair: Cluster, tmp_path: Path) -> None:
    city, province = pair[CHILD], pair[PARENT]
    put(city, ids("own"))
    pair.wait_records(RESOURCE, 5, PARENT)
    assert (city.stop(), province.stop()) == (0, 0)
    own, foreign = city.journal.read_bytes(), province.journal.read_bytes()
    city.journal.write_bytes(foreign)
    refused(city, f"{city.journal} belongs to node {PARENT}, this is {CHILD}; give this node its own folder")
    city.journal.write_bytes(own)
    (city.folder / "incarnation").write_text("00000000000000ff\n", "ascii")
    told = refused(city, "was written by incarnation")
    assert "yunnao restore" in told
    assert cli(city.folder, "restore").returncode == 0
    shutil.move(city.folder / "certs", tmp_path / "certs")
    shutil.move(city.folder / "keys", tmp_path / "keys")
    shutil.copytree(province.folder / "certs", city.folder / "certs")
    shutil.copytree(province.folder / "keys", city.folder / "keys")
    refused(city, f"certificate is for {PARENT}")
    for name in ("certs", "keys"):
        shutil.rmtree(city.folder / name)
        shutil.move(tmp_path / name, city.folder / name)
    pair.start()
    pair.wait_linked()
    assert records(city, RESOURCE) == records(province, RESOURCE) == 5


def refused(node: Node, why: str) -> str:
    """What `yunnao run` says when it will not start: one line, no traceback."""
    done = cli(node.folder, "run", timeout_s=30.0)
    assert done.returncode == EXIT_FAILED, done.stderr
    assert "Traceback" not in done.stderr
    assert why in done.stderr
    return done.stderr


def test_a_parent_whose_disk_is_gone_is_rebuilt_from_its_child_and_its_own_parent(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    cluster.make(CHAIN[:3])
    cluster.start()
    cluster.wait_linked()
    province, city, district = (cluster[name] for name in ("shandong", "qingdao", "qd-shinan"))
    try:
        own, brought = put(city, ids("city")), put(district, ids("district"))
        cluster.wait_records(RESOURCE, 10, "shandong")
        assert city.stop() == 0
        for name in ("journal.db", "journal.db-wal", "journal.db-shm"):
            (city.folder / name).unlink(missing_ok=True)
        assert cli_json(city.folder, "reseed")["reseed"] == "wanted"
        cluster.start("qingdao")
        later = put(city, ids("later"))
        cluster.wait_records(RESOURCE, 15, "qingdao", "shandong")
        cluster.wait("the reseed to end", lambda: not (city.folder / "reseed.wanted").exists())
        cluster.wait_linked()
        assert_each_once(cluster, tmp_path / "ledger", own + brought + later, city=city, province=province)
        assert_each_once(cluster, tmp_path / "ledger", brought, district=district)
        assert all(node.call("audit_flow")["first_difference"] is None for node in (province, city, district))
        more = put(city, ["after"])
        cluster.wait_records(RESOURCE, 16, "shandong")
        assert_each_once(cluster, tmp_path / "ledger", own + brought + later + more, city=city, province=province)
    finally:
        cluster.stop()
