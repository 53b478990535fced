"""`yunnao request`: days as people write them, the law of a refusal, and a file that is whole or not there."""

from __future__ import annotations

import argparse
import csv
import json
from datetime import datetime
from pathlib import Path

import pytest

from node.client import ApiError, NodeClient
from node.verb import UsageError
from node.verbs.request import ACTIONS, CHINA, day_us, read_basis
from node.verbs.request_file import fetch

COLUMNS = [{"name": "event_time", "type": "timestamp"}, {"name": "name", "type": "string"}, {"name": "count", "type": "int32"}]
FIRST = {"columns": COLUMNS, "rows": [[1_767_225_600_000_000, "周某", 1]], "withheld": {"ceiling": 2}, "masks": {}, "is_last": False}
LAST = {"columns": COLUMNS, "rows": [[None, "=1+1", -3]], "withheld": {"ceiling": 1}, "masks": {"name": "partial:ceiling"}, "is_last": True}


class Provider:
    """Answers page by page; an error is raised in its turn."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, object]] = []

    def __call__(self, socket: Path, verb: str, body: bytes, timeout_s: float) -> bytes:
        self.asked.append(json.loads(body))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return json.dumps(answer).encode()


def fetched(tmp_path: Path, provider: Provider, *, name: str = "out.csv") -> int:
    """Run the fetch into a file."""
    (tmp_path / "api.sock").touch()
    args = argparse.Namespace(id="c1", by="li", out=tmp_path / name, json=False, language="en")
    return fetch(args, NodeClient(tmp_path, provider))


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "api.sock")


def test_pages_become_one_file_that_only_its_owner_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = FIRST | {"after_lsn": 4, "skip_rows": 2, "upto_lsn": 9}
    provider = Provider(first, LAST)
    assert fetched(tmp_path, provider) == 0
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [["event_time", "name", "count"], ["2026-01-01T00:00:00+00:00", "周某", "1"], ["", "'=1+1", "-3"]]
    assert (tmp_path / "out.csv").stat().st_mode & 0o777 == 0o600
    assert provider.asked == [{"id": "c1", "by": "li"}, {"id": "c1", "by": "li", "after_lsn": 4, "skip_rows": 2, "upto_lsn": 9}]
    told = capsys.readouterr().err
    assert "2 rows in" in told
    assert "3 rows were withheld (ceiling)" in told
    assert "name is masked (partial:ceiling)" in told


def test_a_name_that_ends_in_jsonl_makes_json_lines(tmp_path: Path) -> None:
    fetched(tmp_path, Provider(LAST), name="out.jsonl")
    assert json.loads((tmp_path / "out.jsonl").read_text("utf-8")) == {"event_time": None, "name": "=1+1", "count": -3}


def test_a_fetch_that_ends_early_leaves_nothing_and_an_older_file_as_it_was(tmp_path: Path) -> None:
    with pytest.raises(ApiError, match="revoked"):
        fetched(tmp_path, Provider(FIRST, ApiError("denied", "the request is revoked")))
    assert files_in(tmp_path) == []
    (tmp_path / "out.csv").write_text("old", "utf-8")
    with pytest.raises(ApiError):
        fetched(tmp_path, Provider(FIRST, ApiError("denied", "the request is revoked")))
    assert (files_in(tmp_path), (tmp_path / "out.csv").read_text("utf-8")) == (["out.csv"], "old")


def test_a_fetch_that_stands_still_ends(tmp_path: Path) -> None:
    still = FIRST | {"after_lsn": 4, "skip_rows": 2, "upto_lsn": 9}
    with pytest.raises(Exception, match="does not go on"):
        fetched(tmp_path, Provider(still, still))


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"out\.csv cannot be written"):
        fetched(tmp_path, Provider(LAST), name="missing/out.csv")


@pytest.mark.parametrize(
    ("given", "is_end", "meant"),
    [
        ("2026-12-31", False, "2026-12-31T00:00:00+08:00"),
        ("2026-12-31", True, "2027-01-01T00:00:00+08:00"),
        ("2026-12-31T18:00", True, "2026-12-31T18:00:00+08:00"),
        ("2026-12-31T18:00+00:00", False, "2027-01-01T02:00:00+08:00"),
        ("0001-01-01", False, "1970-01-01T08:00:00+08:00"),
    ],
)
def test_days_are_days_in_china(given: str, meant: str, *, is_end: bool) -> None:
    assert datetime.fromtimestamp(day_us(given, is_end=is_end) // 1_000_000, CHINA).isoformat() == meant


@pytest.mark.parametrize("given", ["tomorrow", "", "2026-13-01", "31.12.2026", "9999-12-31"])
def test_what_is_no_day_is_refused(given: str) -> None:
    with pytest.raises(UsageError, match="write 2026-12-31"):
        day_us(given, is_end=True)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('instrument = "a"\narticle = "b"\n', "quote is missing"),
        ('instrument = "a"\narticle = 9\nquote = "q"\n', "article is missing"),
        ("[basis", "cannot be read"),
        ("#" * 70_000, "over 65536 bytes"),
    ],
)
def test_a_law_that_lacks_something_is_refused(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "law.toml").write_text(text, "utf-8")
    with pytest.raises(UsageError, match=why):
        read_basis(tmp_path / "law.toml")


def test_the_hash_of_a_quote_is_made_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "law.toml").write_text('[basis]\ninstrument = "a"\narticle = "b"\nquote = "q"\n', "utf-8")
    assert read_basis(tmp_path / "law.toml")["sha256"] == "8e35c2cd3bf6641bdb0e2050b76932cbb2e6034a0ddacc1d9bea82a6ba57f7cf"


LINE = {"id": "c1", "state": "asked", "standing": "", "resource": "residents", "purpose": "statistics", "asker": "s1", "provider": "s2"}
COUNTS = {"states": {"asked": 1, "granted": 4, "refused": 0}, "satisfied": 3, "rated": 4, "rate": 0.75}


@pytest.mark.parametrize(("overdue", "code"), [(True, 1), (False, 0)])
def test_a_list_with_something_overdue_has_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], code: int, *, overdue: bool
) -> None:
    (tmp_path / "api.sock").touch()
    line = LINE | {"waits_for": "s2", "due_us": 5, "overdue": overdue, "supplier": "registry", "until_us": 9}
    client = NodeClient(tmp_path, Provider({"requests": [line], "counts": COUNTS}, {"duties": [line]}))
    args = argparse.Namespace(state=[], json=False, language="en", action="list")
    assert ACTIONS["list"](args, client) == code
    assert ACTIONS["duties"](args, client) == code
    shown = capsys.readouterr()
    assert ("asked, overdue" in shown.out) is overdue
    assert "asked 1, granted 4; satisfied 75.0 % (3 of 4 grants rated)" in shown.err


def test_a_list_without_ratings_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "api.sock").touch()
    client = NodeClient(tmp_path, Provider({"requests": [], "counts": {"states": {}, "rate": None}}))
    assert ACTIONS["list"](argparse.Namespace(state=[], json=False, language="zh"), client) == 0
    assert "尚无评价" in capsys.readouterr().err
