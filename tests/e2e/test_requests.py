"""A request for data from one branch of a city to another, with real nodes and the command line: granted, fetched, cut off, refused."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.cli import main
from node.client import ApiError
from sync.model import Level
from tests.e2e.cluster import Cluster, Place, Plain, cli, cli_json
from tests.edge_ai.models.made import grey_picture, seeing, written

TREE = (
    Place("province", Level.PROVINCIAL, "37"),
    Place("city", Level.MUNICIPAL, "3702", "province"),
    Place("west", Level.DISTRICT, "370202", "city"),
    Place("asker", Level.STREET, "370202001", "west"),
    Place("holder", Level.STREET, "370203001", "city"),
)
WAIT_S = 60.0
COLUMNS = ["resident_id", "name", "id_number", "phone", "birth_year", "category"]
ROWS = 6_000
BASIS = 'instrument = "an invented order"\narticle = "article 1"\nquote = "Names of the protected stay in the street."\n'
ASK = (
    "request",
    "ask",
    "residents",
    "--of",
    "holder",
    "--purpose",
    "city-management",
    "--until",
    "2099-01-01",
    "--why",
    "a census",
    "--by",
    "li",
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Five nodes; 6,000 residents at the holder, half of them of category x."""
    found = Cluster(tmp_path_factory.mktemp("q"))
    found.make(TREE)
    try:
        found.start()
        found.wait_linked()
        found.wait("the asker to know those above", lambda: len(found["asker"].call("tree")["nodes"]) == 4, timeout_s=WAIT_S)
        for begin in range(0, ROWS, 500):
            rows = [[f"r{n}", f"周{n}", "370203182002290011", "10000000000", 1820, "xy"[n % 2]] for n in range(begin, begin + 500)]
            found["holder"].call("put", resource="residents", columns=COLUMNS, rows=rows)
        yield found
    finally:
        found.stop()


def state(cluster: Cluster, node: str, case_id: str) -> str:
    """The state of a request at a node; empty while it is not there."""
    found = {str(one["id"]): one for one in cluster[node].call("request_list")["requests"]}
    return str(found[case_id]["state"]) if case_id in found else ""


def asked(cluster: Cluster, *more: str) -> str:
    """A request that the holder has heard of."""
    case_id = str(cli_json(cluster["asker"].folder, *ASK, *more)["id"])
    cluster.wait("the request at the holder", lambda: state(cluster, "holder", case_id) == "asked", timeout_s=WAIT_S)
    return case_id


def granted(cluster: Cluster, case_id: str, *more: str) -> None:
    """Grant it, until the asker has heard of it."""
    cli_json(cluster["holder"].folder, "request", "grant", case_id, "--by", "zhao", *more)
    cluster.wait("the grant at the asker", lambda: state(cluster, "asker", case_id) == "granted", timeout_s=WAIT_S)


def page(cluster: Cluster, case_id: str, before: Plain) -> Plain:
    """One page behind another."""
    cursor = {key: before.get(key, 0) for key in ("after_lsn", "skip_rows", "upto_lsn")}
    return cluster["asker"].call("request_fetch", id=case_id, by="li", **cursor)


@pytest.mark.slow
def test_what_was_granted_is_fetched_into_a_file_and_entered(cluster: Cluster, tmp_path: Path) -> None:
    case_id = asked(cluster, "--fields", "name,phone,category", "--filter", "category = 'x'")
    granted(cluster, case_id, "--fields", "name,category")
    out = tmp_path / "residents.csv"
    told = cli_json(cluster["asker"].folder, "request", "fetch", case_id, "--out", str(out), "--by", "li")
    assert (told["rows"], told["withheld"]) == (ROWS // 2, {})
    with out.open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["grade", "name", "category"]
    assert sorted(row[1] for row in rows) == sorted(f"周{n}" for n in range(0, ROWS, 2))
    assert out.stat().st_mode & 0o777 == 0o600
    shares = cluster["holder"].call("request_show", id=case_id)["shares"]
    assert (shares["rows"], shares["newest"][0]["asker"], shares["newest"][0]["by"]) == (ROWS // 2, "asker", "li")
    cli_json(cluster["asker"].folder, "request", "rate", case_id, "satisfied")
    assert "satisfied 100.0 %" in cli(cluster["asker"].folder, "request", "list").stderr


@pytest.mark.slow
def test_a_revoked_grant_gives_no_further_page_and_a_killed_provider_forgets_none(cluster: Cluster, tmp_path: Path) -> None:
    case_id = asked(cluster, "--fields", "name")
    granted(cluster, case_id)
    first = page(cluster, case_id, {})
    assert not first["is_last"]
    cluster["holder"].kill()
    with pytest.raises(ApiError, match="city: holder cannot be reached, holder is away"):
        page(cluster, case_id, first)
    cluster.start("holder")
    cluster.wait_linked()
    assert cluster["holder"].call("request_show", id=case_id)["shares"]["rows"] == len(first["rows"])
    second = page(cluster, case_id, first)
    cli_json(cluster["holder"].folder, "request", "revoke", case_id, "--why", "misused", "--by", "zhao")
    with pytest.raises(ApiError, match="revoked"):
        page(cluster, case_id, second)
    assert cluster["holder"].call("request_show", id=case_id)["shares"]["rows"] == len(first["rows"]) + len(second["rows"])
    out = tmp_path / "late.csv"
    late = cli(cluster["asker"].folder, "request", "fetch", case_id, "--out", str(out))
    assert (late.returncode, "revoked" in late.stderr, list(tmp_path.iterdir())) == (4, True, [])


@pytest.mark.slow
def test_a_refusal_has_a_basis_and_may_be_overturned(cluster: Cluster, tmp_path: Path) -> None:
    case_id = asked(cluster)
    law = tmp_path / "law.toml"
    law.write_text('instrument = "an invented order"\n', "utf-8")
    bare = cli(cluster["holder"].folder, "request", "refuse", case_id, "--basis", str(law), "--why", "no")
    assert (bare.returncode, "article is missing" in bare.stderr) == (2, True)
    law.write_text(BASIS, "utf-8")
    cli_json(cluster["holder"].folder, "request", "refuse", case_id, "--basis", str(law), "--why", "protected", "--by", "zhao")
    cluster.wait("the refusal at the asker", lambda: state(cluster, "asker", case_id) == "refused", timeout_s=WAIT_S)
    assert "an invented order, article 1" in cli(cluster["asker"].folder, "request", "show", case_id).stdout
    cli_json(cluster["asker"].folder, "request", "appeal", case_id, "--why", "not all are protected")
    cluster.wait("the appeal at the city", lambda: state(cluster, "city", case_id) == "appealed", timeout_s=WAIT_S)
    cli_json(cluster["city"].folder, "request", "overturn", case_id, "--why", "names of others may go", "--by", "sun")
    cluster.wait("the decision at the holder", lambda: state(cluster, "holder", case_id) == "overturned", timeout_s=WAIT_S)
    granted(cluster, case_id, "--fields", "name")
    other = asked(cluster, "--fields", "phone")
    cli_json(cluster["holder"].folder, "request", "missing", other, "--supplier", "the registry", "--why", "never collected")
    cluster.wait("the duty at the city", lambda: state(cluster, "city", other) == "missing", timeout_s=WAIT_S)
    assert "the registry" in cli(cluster["city"].folder, "request", "duties").stdout


def test_package_goes_down_the_tree_once_two_persons_agreed(cluster: Cluster, tmp_path: Path) -> None:
    """Published and approved at the city, taken by the district, and by the street from the district."""
    model, picture = written(seeing(), tmp_path / "yard.onnx"), grey_picture(tmp_path)
    city, west, asker = cluster["city"], cluster["west"], cluster["asker"]
    more = ("--family", "yolox", "--classes", "person", "--golden", str(picture), "--licence", "Apache-2.0")
    assert main(["--dir", str(city.folder), "model", "import", str(model), *more]) == 0
    published = city.call("algorithm_publish", id="yard", version="1", by="li", why="for all streets")
    assert west.call("algorithm_offers")["offers"] == []
    with pytest.raises(ApiError, match="needs another person than li"):
        city.call("algorithm_say", case=published["case"], fact="approve", by="li")
    assert cli_json(city.folder, "model", "approve", published["case"], "--by", "wang")["state"] == "approved"
    assert [offer["content"] for offer in west.call("algorithm_offers")["offers"]] == [published["content"]]
    with pytest.raises(ApiError, match="west does not offer yard 1"):
        asker.call("algorithm_take", id="yard", version="1")
    for node in (west, asker):
        assert node.call("algorithm_take", id="yard", version="1")["maker"] == "city"
    assert main(["--dir", str(asker.folder), "model", "activate", "yard", "1"]) == 0
    cluster.wait("the publication above", lambda: len(cluster["province"].call("algorithm_list")["cases"]) == 1, timeout_s=WAIT_S)
    city.call("algorithm_say", case=published["case"], fact="withdraw", by="wang", why="a better one comes")
    assert west.call("algorithm_offers")["offers"] == []
