"""`yunnao sql`: data to stdout as asked for, what is not shown to stderr."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from node.cli import verb_parser
from node.verb import UsageError
from node.verbs import sql
from node.verbs.sql import VERB, statement_of

ANSWER = {
    "columns": ["name", "n"],
    "rows": [["=1+1", -3], [None, 4]],
    "is_cut": True,
    "resources": {"residents": {"read": 9, "withheld": {"ceiling": 2}, "masks": {"name": "partial:ceiling"}, "is_whole": False}},
}


def given(*words: str) -> argparse.Namespace:
    """Arguments as typed."""
    args = verb_parser(VERB, "en").parse_args(list(words))
    args.language = "en"
    return args


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, object]]:
    """What the node was asked."""
    found: list[dict[str, object]] = []

    class Client:
        def __init__(self, folder: Path) -> None:
            assert folder == tmp_path

        def call(self, verb: str, *, timeout_s: float, **arguments: object) -> dict[str, object]:
            found.append({"verb": verb, **arguments})
            return ANSWER

    monkeypatch.setattr(sql, "NodeClient", Client)
    return found


def test_a_table_on_stdout_and_what_is_missing_on_stderr(
    asked: list[dict[str, object]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = given("select 1", "--clearance", "L3", "--why", "x", "--by", "li", "--limit", "5", "--dir", str(tmp_path))
    assert sql.run(args) == 0
    assert asked == [{"verb": "sql", "statement": "select 1", "clearance": 3, "why": "x", "by": "li", "limit": 5}]
    out, err = capsys.readouterr()
    assert out.splitlines() == ["name  n", "=1+1  -3", "-     4"]
    assert err.splitlines() == [
        "residents: 2 records are not shown (ceiling)",
        "residents: masked: name (partial:ceiling)",
        "residents: only the newest 9 records were read",
        "cut after 2 rows",
    ]


def test_csv_guards_what_a_sheet_would_run(asked: list[dict[str, object]], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sql.run(given("select 1", "--csv", "--dir", str(tmp_path)))
    assert capsys.readouterr().out.splitlines() == ["name,n", "'=1+1,-3", ",4"]
    sql.run(given("select 1", "--json", "--dir", str(tmp_path)))
    assert json.loads(capsys.readouterr().out) == ANSWER
    assert len(asked) == 2


def test_a_query_comes_from_one_place(tmp_path: Path) -> None:
    path = tmp_path / "q.sql"
    path.write_text("select 2", "utf-8")
    assert statement_of(given("--file", str(path))) == "select 2"
    for words in (["select 1", "--file", str(path)], [], ["--file", str(tmp_path / "absent")]):
        with pytest.raises(UsageError):
            statement_of(given(*words))
