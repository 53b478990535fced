"""`yunnao audit log` and `yunnao audit verify` on the folder of a stopped node: exit codes, pages, both languages, bad input."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from node.audit.reading import PAGE_MAX
from node.audit.walk import Fault
from node.audit.words import AuditKind
from node.cli import main
from node.errors import EXIT_NEGATIVE, EXIT_OK, EXIT_USAGE
from node.texts import LANGUAGES, catalogue
from tests.node.audit.logs import filled
from tests.node.station import make_station

EXIT_CANNOT_TELL = EXIT_USAGE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A stopped node whose log has eight entries."""
    config = make_station(tmp_path / "n")
    journal, _ = filled(config.data_dir / "journal.db")
    journal.close()
    return config.folder


def verb(folder: Path, *words: str, language: str = "en") -> int:
    return main(["--lang", language, "--dir", str(folder), "audit", *words])


def read(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_the_file_of_a_stopped_node_holds_and_nobody_confirms_its_end(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verb(folder, "verify") == EXIT_CANNOT_TELL
    said = capsys.readouterr()
    assert "8 entries, 1 to 8; 2 stamps over 5 rows" in said.out
    assert "not running" in said.err
    assert verb(folder, "verify", "--json", language="zh") == EXIT_CANNOT_TELL
    assert read(capsys)["verdict"] == "cannot-tell"


def test_a_log_that_was_touched_is_named_in_both_languages(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    connection = sqlite3.connect(folder / "journal.db")
    with connection:
        connection.execute("DELETE FROM audit_entry WHERE seq = 4")
    connection.close()
    assert verb(folder, "verify") == EXIT_NEGATIVE
    assert "DROPPED: entry 4 is not there" in capsys.readouterr().out
    assert verb(folder, "verify", language="zh") == EXIT_NEGATIVE
    assert "被删除" in capsys.readouterr().out


def test_the_log_is_read_page_by_page_newest_first(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verb(folder, "log", "--limit", "3", "--json") == EXIT_OK
    page = read(capsys)
    assert ([entry["seq"] for entry in page["entries"]], page["next"]) == ([8, 7, 6], 6)  # type: ignore[attr-defined]
    assert verb(folder, "log", "--before", "6", "--json") == EXIT_OK
    page = read(capsys)
    assert ([entry["seq"] for entry in page["entries"]], page["next"]) == ([5, 4, 3, 2, 1], None)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("--kind", "operator"), [4, 3, 2]),
        (("--kind", "case", "--kind", "decisions"), [8, 6, 5]),
        (("--subject", "act-1"), [3]),
        (("--kind", "query", "--subject", "nothing"), []),
        (("--since", "2023-11-14T22:14:00"), [8, 7, 6, 5]),
        (("--since", "2099-01-01"), []),
    ],
)
def test_the_log_is_read_by_kind_subject_and_time(
    folder: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], found: list[int]
) -> None:
    assert verb(folder, "log", *words, "--json") == EXIT_OK
    assert [entry["seq"] for entry in read(capsys)["entries"]] == found  # type: ignore[attr-defined]


def test_an_entry_that_does_not_parse_is_shown_as_such(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    connection = sqlite3.connect(folder / "journal.db")
    with connection:
        connection.execute("UPDATE audit_entry SET entry = 'gone' WHERE seq = 4")
    connection.close()
    assert verb(folder, "log") == EXIT_OK
    assert "unreadable" in capsys.readouterr().out


@pytest.mark.parametrize("words", [("--limit", "0"), ("--limit", str(PAGE_MAX + 1)), ("--before", "0"), ("--since", "soon")])
def test_bad_arguments_are_refused_with_the_way_out(folder: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    assert verb(folder, "log", *words) == EXIT_USAGE
    assert "refused" in capsys.readouterr().err


def test_a_folder_without_a_journal_is_one_clear_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = make_station(tmp_path / "n")
    assert verb(config.folder, "verify") != EXIT_OK
    assert "journal.db is not there" in capsys.readouterr().err


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_and_every_fault_has_a_word(language: str) -> None:
    wanted = {f"audit_log.kind_{kind.value.replace('-', '_')}" for kind in AuditKind}
    wanted |= {f"audit_log.fault_{fault.value}" for fault in Fault}
    assert wanted <= set(catalogue(language))
