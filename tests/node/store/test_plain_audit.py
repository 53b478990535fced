"""The plain audit sees what is missing, double, withheld or damaged in a journal file, without product code."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from node.store.journal import SqliteJournal
from sync.model import State, StoredBatch
from tests.contracts.batches import commit_of, run, stored
from tests.node.store.test_mart import encode

SCRIPT = Path(__file__).resolve().parents[3] / "benchmarks" / "plain_audit.py"


def readings(*identities: str | None) -> pa.RecordBatch:
    return pa.record_batch({"device": pa.array(["pm-1"] * len(identities)), "text": pa.array(identities, pa.string()).dictionary_encode()})


def batch_of(lsn: int, *identities: str | None) -> StoredBatch:
    return stored(lsn, [run(10 * lsn, 10 * lsn + len(identities) - 1)], payload=encode(readings(*identities)))


def audit(journal: SqliteJournal, ledger: list[dict[str, object]]) -> tuple[int, list[str], str]:
    path = journal.path.with_name("ledger.jsonl")
    path.write_text("".join(json.dumps(entry) + "\n" for entry in ledger), "utf-8")
    return run_script(str(path), f"grid={journal.path}")


def run_script(*arguments: str) -> tuple[int, list[str], str]:
    done = subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=60, check=False)
    lines = done.stdout.splitlines()
    return done.returncode, lines[1].split() if lines else [], done.stdout + done.stderr


def acked(*identities: str) -> list[dict[str, object]]:
    return [{"device": "pm-1", "id": identity} for identity in identities]


@pytest.mark.slow
def test_everything_there_once_is_good(journal: SqliteJournal) -> None:
    journal.commit(commit_of(batch_of(1, "a", "b", None), batch_of(2, "c", "not-of-the-feeder")))
    ledger = [*acked("a", "b"), {"device": "pm-1", "id": "c", "acked": False}]
    assert audit(journal, ledger)[:2] == (0, ["grid", "3", "2", "3", "0", "0", "0"])


@pytest.mark.slow
def test_it_reads_a_closed_journal(journal: SqliteJournal) -> None:
    journal.commit(commit_of(batch_of(1, "a")))
    journal.close()
    assert audit(journal, acked("a"))[:2] == (0, ["grid", "1", "1", "1", "0", "0", "0"])


@pytest.mark.slow
def test_missing_and_double_are_named(journal: SqliteJournal) -> None:
    journal.commit(commit_of(batch_of(1, "a", "b"), batch_of(2, "b")))
    status, figures, text = audit(journal, acked("a", "b", "lost-one"))
    assert (status, figures) == (1, ["grid", "3", "3", "2", "1", "1", "0"])
    assert "grid: missing lost-one" in text
    assert "grid: double b" in text


@pytest.mark.slow
def test_duplicates_and_withheld_runs_do_not_count(journal: SqliteJournal) -> None:
    runs = [run(1, 1), run(2, 2, row=1), run(3, 3, state=State.DENIED)]
    marked = stored(2, runs, payload=encode(readings("a", "b")), duplicates=(0,))
    journal.commit(commit_of(batch_of(1, "a"), marked))
    assert audit(journal, acked("a", "b"))[:2] == (0, ["grid", "2", "2", "2", "0", "0", "0"])


@pytest.mark.slow
def test_a_damaged_payload_is_counted_and_its_readings_are_missing(journal: SqliteJournal) -> None:
    journal.commit(commit_of(batch_of(1, "a")))
    journal._writer.execute("UPDATE batch SET payload_sha256 = x'00'")
    assert audit(journal, acked("a"))[:2] == (1, ["grid", "1", "1", "0", "1", "0", "1"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no-such-ledger", "grid=x"], "cannot be read"),
        ([str(SCRIPT), "grid=x"], "is no reading"),
        (["/dev/null", "no-path"], "is no name=path"),
        (["/dev/null", "grid=no-such.db"], "is not there"),
        (["/dev/null", f"grid={SCRIPT}"], "cannot be read"),
        (["/dev/null"], "usage"),
    ],
)
def test_input_that_cannot_be_read_is_one_line(arguments: list[str], words: str) -> None:
    status, _, text = run_script(*arguments)
    assert (status, words in text, text.count("\n")) == (2, True, 1)


def test_the_script_imports_no_product_code() -> None:
    nodes = list(ast.walk(ast.parse(SCRIPT.read_text("utf-8"))))
    names = [str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)]
    names += [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    assert {name.partition(".")[0] for name in names} - sys.stdlib_module_names == {"pyarrow"}
