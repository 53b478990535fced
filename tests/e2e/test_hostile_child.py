"""Two children that joined properly and then speak badly, beside an honest one: everything false is refused, counted and named.

What they do is in benchmarks/hostile_child.py and hostile_frames.py, as processes of their own over real gRPC and mTLS.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from benchmarks.hostile_frames import LIE
from sync.model import Level
from tests.e2e.city.journals import texts_in
from tests.e2e.cluster import BY_COMMAND, HOST, ROOT, Cluster, Place, cli, cli_json

pytestmark = pytest.mark.slow

PARENT, HONEST = "shandong", "honest"
TREE = (
    Place(PARENT, Level.PROVINCIAL, "37", prefix=BY_COMMAND),
    Place(HONEST, Level.DISTRICT, "370202", PARENT),
    Place("hostile", Level.DISTRICT, "370205", PARENT),
    Place("wicked", Level.DISTRICT, "370206", PARENT),
)
ATTACKS = {
    "hostile": ("garbage", "lengths", "bombs", "sequence", "flood", "streams"),
    "wicked": ("forgery", "territory", "refusals", "acks", "statuses", "questions", "deaf", "hellos", "metadata", "strangers"),
}
SAID = {
    "lengths": "envelope field 3 refused",
    "bombs": "ecompress",
    "sequence": "expected 0 to 9007199254740991",
    "forgery": "sent data in direction return",
    "acks": "acknowledged direction up, in which it sends",
    "statuses": "which is not below it",
    "streams": "8 streams of one certificate are open",
    "metadata": "'none' is not a valid Group",
}
"""What the parent says of some attacks."""
ATTACK_TIMEOUT_S = 90.0
RSS_GROWTH_MB_MAX = 120
"""A bomb would unfold to 300 MB, a flood to as much as it likes; two inboxes of 8 MB and one frame of 16 MB for each child are allowed."""
READINGS = 40
COLUMNS = ["device", "quantity", "value", "text", "unit"]


def put(cluster: Cluster, *texts: str) -> None:
    cluster[HONEST].call("put", resource="air-quality", columns=COLUMNS, rows=[["d", "pm25", 1.0, text, "u"] for text in texts])


def rss_mb(cluster: Cluster) -> int:
    return int(psutil.Process(cluster[PARENT].pid).memory_info().rss) >> 20


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, dict[str, str], int]]:
    """The cluster after the attacks, what the parent said last of each, and by how much its memory grew at most."""
    cluster = Cluster(Path(tmp_path_factory.mktemp("h")))
    cluster.make(TREE)
    try:
        cluster.start(PARENT, HONEST)
        cluster.wait("the honest link", lambda: cluster[HONEST].call("status")["node"]["link"]["state"] == "up")
        put(cluster, "before")
        cluster.wait_records("air-quality", 1, PARENT)
        told, grown = attack(cluster)
        yield cluster, told, grown
    finally:
        cluster.stop()


def attack(cluster: Cluster) -> tuple[dict[str, str], int]:
    """Both attackers at once, while the honest child goes on."""
    address, before = f"{HOST}:{cluster[PARENT].ports['link']}", rss_mb(cluster)
    command = [sys.executable, "-m", "benchmarks.hostile_child"]
    processes = {
        name: subprocess.Popen([*command, str(cluster[name].folder), address, *attacks], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for name, attacks in ATTACKS.items()
    }
    highest, number = before, 0

    def are_done() -> bool:
        nonlocal highest, number
        highest = max(highest, rss_mb(cluster))
        if number < READINGS:
            put(cluster, f"during-{number}")
            number += 1
        return all(process.poll() is not None for process in processes.values())

    try:
        cluster.wait("the attacks to end", are_done, timeout_s=ATTACK_TIMEOUT_S)
        lines = [json.loads(line) for process in processes.values() for line in process.communicate()[0].splitlines()]
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
    return {line["attack"]: line["told"] for line in lines}, highest - before


def test_every_attack_was_made_and_the_refusal_names_what_was_false(attacked: tuple[Cluster, dict[str, str], int]) -> None:
    _, told, _ = attacked
    assert sorted(told) == sorted(name for attacks in ATTACKS.values() for name in attacks)
    assert {attack: told[attack] for attack, words in SAID.items() if words not in told[attack]} == {}
    # A child that still writes when its link ends does not hear why.
    assert "which was never sent to it" in attacked[0][PARENT].log


def test_the_parent_lives_in_its_first_life_and_its_memory_is_bounded(attacked: tuple[Cluster, dict[str, str], int]) -> None:
    cluster, _, grown = attacked
    assert cluster[PARENT].call("status")["node"]["state"] in ("OK", "WARN")
    assert cluster[PARENT].lives == 1
    assert "Traceback" not in cluster[PARENT].log
    assert grown < RSS_GROWTH_MB_MAX


def test_the_honest_child_kept_its_link_and_everything_it_said_is_there(attacked: tuple[Cluster, dict[str, str], int]) -> None:
    cluster, _, _ = attacked
    put(cluster, "after")
    count = int(cluster[HONEST].call("status")["node"]["records"]["air-quality"])
    cluster.wait_records("air-quality", count, PARENT)
    assert cluster[HONEST].log.count("link up with") == 1
    assert cluster[HONEST].call("audit_flow")["first_difference"] is None


def test_nothing_false_is_in_the_parents_journal(attacked: tuple[Cluster, dict[str, str], int]) -> None:
    cluster, _, _ = attacked
    found = texts_in(cluster[PARENT].journal)
    assert LIE not in found
    assert {"before", "during-0"} <= found
    with closing(sqlite3.connect(cluster[PARENT].journal)) as connection:
        origins = connection.execute("SELECT DISTINCT origin FROM stream_range WHERE state = 1").fetchall()
        sources = connection.execute("SELECT DISTINCT source FROM batch WHERE row_count > 0").fetchall()
    assert {origin for (origin,) in origins} <= {HONEST, PARENT}
    assert {source for (source,) in sources} <= {HONEST, PARENT}


def test_the_status_counts_the_offences_by_name_and_the_log_stays_short(attacked: tuple[Cluster, dict[str, str], int]) -> None:
    cluster, _, _ = attacked
    offences = {entry["peer"]: entry for entry in cli_json(cluster[PARENT].folder, "status")["offences"]}
    assert HONEST not in offences
    assert offences["hostile"]["links"] >= 8
    assert offences["wicked"]["frames"] >= 2
    assert offences["strangers"]["links"] > 100
    assert cluster[PARENT].log.count("streams of one certificate are open") < 60


def test_rows_of_another_district_are_refused_and_an_operator_can_see_it(attacked: tuple[Cluster, dict[str, str], int]) -> None:
    cluster, _, _ = attacked
    found = cli_json(cluster[PARENT].folder, "quarantine")["refusals"]
    assert {(entry["peer"], entry["kind"]) for entry in found} >= {("wicked", "held")}
    assert any("territory 370203 from wicked, whose territory is 370206" in entry["reason"] for entry in found)


def test_a_decision_that_the_child_must_take_says_so_when_it_is_away(attacked: tuple[Cluster, dict[str, str], int]) -> None:
    cluster, _, _ = attacked
    entry = cli_json(cluster[PARENT].folder, "quarantine")["refusals"][0]
    done = cli(cluster[PARENT].folder, "quarantine", "dismiss", str(entry["id"]), "--reason", "hostile")
    assert (done.returncode, "has no link" in done.stderr) == (4, True)
    unknown = cli(cluster[PARENT].folder, "quarantine", "requeue", "999")
    assert (unknown.returncode, "is not known here" in unknown.stderr) == (4, True)
