"""`yunnao quality`: rules from a file, a correction that puts its new versions first, and exit codes that say who waits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from node.cli import verb_parser
from node.client import NodeClient
from node.verb import UsageError
from node.verbs.quality import ACTIONS, VERB, decide, read_rules

TICKET = {
    "id": "t1", "state": "open", "resource": "pupils", "rule": "ages", "source": "street", "holder": "city", "bad": 2, "judged": 3,
    "samples": ["7:1"], "opened_us": 1, "due_us": 2, "overdue": True, "for_me": True, "takes": {}, "history": [],
}  # fmt: skip
RESOURCES = {"resources": [{"code": "pupils", "fields": [{"name": "age", "type": "int32"}]}]}


class Desk:
    """Answers by verb and remembers what was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, socket: Path, verb: str, body: bytes, timeout_s: float) -> bytes:
        self.asked.append((verb, json.loads(body)))
        return json.dumps(self.answers[verb]).encode()


def run(tmp_path: Path, desk: Desk, *words: str) -> int:
    """The verb as typed, against a scripted node."""
    (tmp_path / "api.sock").touch()
    args = verb_parser(VERB, "en").parse_args([*words, "--dir", str(tmp_path)])
    args.language = "en"
    return ACTIONS.get(args.action, decide)(args, NodeClient(tmp_path, desk))


def test_tickets_that_wait_for_this_node_past_their_time_make_the_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, Desk(quality_tickets={"tickets": [TICKET], "fault": "no ticket to s9"}), "tickets") == 1
    out, err = capsys.readouterr()
    assert "open, overdue" in out
    assert "no ticket to s9" in err
    assert run(tmp_path, Desk(quality_tickets={"tickets": [TICKET | {"for_me": False}]}), "tickets", "--json") == 0


def test_a_correction_puts_the_new_versions_before_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "fixed.csv").write_text("age\n9\n\n12\n", "utf-8")
    desk = Desk(quality_show=TICKET, resources=RESOURCES, put={"stored": 2}, quality_decide=TICKET)
    assert run(tmp_path, desk, "correct", "t1", "--file", str(tmp_path / "fixed.csv"), "--by", "li") == 0
    assert [verb for verb, _ in desk.asked] == ["quality_show", "resources", "put", "quality_decide"]
    assert desk.asked[2][1] == {"resource": "pupils", "columns": ["age"], "rows": [[9], [12]]}
    assert desk.asked[3][1] == {"id": "t1", "fact": "correct", "by": "li", "why": ""}


def test_scores_show_shares_and_what_is_not_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    score = {"resource": "pupils", "origin": "street", "records": 3, "bad": 1, "good_share": 2 / 3, "tickets": 1, "correct_s": None}
    assert run(tmp_path, Desk(quality_scores={"scores": [score, score | {"good_share": None}]}), "scores") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "66.6667%" in lines[1]
    assert lines[2].split()[4] == "-"


def test_rules_are_shown_and_put_into_the_draft(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rules.toml"
    path.write_text('key = ["age"]\n[[rules]]\nid = "a"\ncheck = "required"\nfields = ["age"]\n', "utf-8")
    rules = read_rules(path)
    desk = Desk(quality_rules={"resource": "pupils", "quality": rules, "drafted": True})
    assert run(tmp_path, desk, "rules", "pupils", str(path)) == 0
    assert desk.asked == [("quality_rules", {"resource": "pupils", "quality": rules})]
    out, err = capsys.readouterr()
    assert "key: age" in out
    assert "catalogue issue" in err


@pytest.mark.parametrize("content", [b"not toml [", b"\xff\xfe"])
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rules.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="cannot be read"):
        read_rules(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_rules(tmp_path / "absent.toml")
