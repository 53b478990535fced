"""Who is refused at a real parent's join service, through the command line (issue 2, item 3)."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.clock import SystemClock
from node.errors import EXIT_REFUSED
from node.verbs.folder import open_admissions
from sync.model import Level, Territory
from tests.e2e.cluster import HOST, Cluster, Node, Place, cli, cli_json

pytestmark = pytest.mark.slow

DISTRICT = "qd-shinan"
NEW = ("--id", "newcomer", "--level", "street", "--territory", "370202005", "--devices-listen", f"{HOST}:0")


def refusal(city: Cluster, folder: Path, token: str, *identity: str) -> str:
    """What a newcomer is told on stderr; asserts that it is refused in one line and gets no certificate."""
    done = cli(folder, "join", f"{HOST}:{city[DISTRICT].ports['join']}", token, *(identity or NEW))
    assert done.returncode == EXIT_REFUSED, done.stderr
    assert done.stderr.count("\n") == 1
    assert not (folder / "certs" / "tls.pem").exists()
    return done.stderr


def token(parent: Node, *, territory: str = "370202", age_s: float = 0.0) -> str:
    """A token of the parent for a street or below, made `age_s` ago and good for a minute."""
    with open_admissions(parent.folder) as (files, admissions):
        made, _ = admissions.create_token(
            ca_sha256=files.ca_sha256(),
            level=Level.STREET,
            territory=Territory(territory),
            ttl_s=60.0,
            auto_accept=True,
            now_us=SystemClock().wall_us() - round(age_s * 1_000_000),
        )
    return str(made)


def test_an_expired_token_is_refused(city: Cluster, tmp_path: Path) -> None:
    assert "the token ended" in refusal(city, tmp_path / "n", token(city[DISTRICT], age_s=100.0))


def test_a_token_that_was_used_is_refused_for_another_node(city: Cluster, tmp_path: Path) -> None:
    used = cli_json(city[DISTRICT].folder, "token", "create", "--level", "street", "--territory", "370202", "--auto-accept")["token"]
    first = cli(tmp_path / "a", "join", f"{HOST}:{city[DISTRICT].ports['join']}", used, *NEW)
    assert first.returncode == 0, first.stderr
    second = refusal(city, tmp_path / "b", used, "--id", "second", "--level", "street", "--territory", "370202006")
    assert "this token admitted newcomer before" in second


def test_a_token_of_another_parent_is_refused(city: Cluster, tmp_path: Path) -> None:
    assert "is not the one the token names" in refusal(city, tmp_path / "n", token(city["qingdao"]))


def test_a_foreign_ca_is_refused(city: Cluster, tmp_path: Path) -> None:
    other = Cluster(tmp_path / "other")
    other.make((Place("hebei", Level.PROVINCIAL, "13"),))
    assert "is not the one the token names" in refusal(city, tmp_path / "n", token(other["hebei"], territory="130102"))


def test_a_territory_outside_the_parents_is_refused(city: Cluster, tmp_path: Path) -> None:
    told = refusal(city, tmp_path / "n", token(city[DISTRICT]), "--id", "stranger", "--level", "street", "--territory", "370203001")
    assert "370203001" in told
    assert "370202" in told


def test_a_wrong_token_is_refused(city: Cluster, tmp_path: Path) -> None:
    good = token(city[DISTRICT])
    wrong = good[:-6] + ("AAAAAA" if not good.endswith("AAAAAA") else "BBBBBB")
    told = refusal(city, tmp_path / "n", wrong)
    assert "token" in told
