"""What `yunnao doctor` says of originals."""

from __future__ import annotations

from pathlib import Path

from node.clock import SystemClock
from node.config.config import parse_config
from node.doctor.evidence import evidence
from node.doctor.model import Place, Severity
from tests.node.evidence.office import Office

CONFIG = '[node]\nid = "badaguan"\nlevel = "street"\nterritory = "370202006"\n'


def looked(folder: Path) -> tuple[Severity, str]:
    """The finding for a node of that folder."""
    finding = evidence(Place(folder, SystemClock(), parse_config(CONFIG, folder / "node.toml")))
    return finding.severity, finding.words("en")


def test_a_node_without_originals_is_well_and_gets_no_book(tmp_path: Path) -> None:
    assert looked(tmp_path) == (Severity.OK, "no originals yet")
    assert list(tmp_path.iterdir()) == []


def test_an_original_that_is_gone_is_told_beside_the_running_node(office: Office) -> None:
    office.happened("e1")
    assert looked(office.folder)[0] is Severity.OK
    next(office.desk.store.folder.rglob("*.jpg")).unlink()
    assert looked(office.folder) == (Severity.WARN, "1 originals, 0 MB; 1 are gone, 0 files belong to no event")
    office.again()
    assert looked(office.folder) == (Severity.WARN, "0 originals, 0 MB; 1 are gone, 0 files belong to no event")


def test_a_book_that_is_no_database_fails_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "evidence.db").write_bytes(b"junk" * 4_096)
    severity, saw = looked(tmp_path)
    assert (severity, "move it away" in saw) == (Severity.FAIL, True)
