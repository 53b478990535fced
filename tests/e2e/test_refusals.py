"""What the command line refuses, as a user meets it: one sentence with the way out, an exit code, no traceback (item 2 and "Bad input")."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.errors import EXIT_CONFIG, EXIT_FAILED, EXIT_REFUSED
from node.verbs import BUILT_IN
from sync.model import Level
from tests.e2e.cluster import Cluster, Node, Place, cli

pytestmark = pytest.mark.slow

VERBS = (*BUILT_IN, "console", "simulate", "demo")
SUB_VERBS = (("token", "create"), ("summary", "pull"), ("audit", "flow"), ("policy", "explain"))


@pytest.fixture
def made(tmp_path: Path) -> Node:
    """A provincial node that does not run."""
    cluster = Cluster(tmp_path)
    cluster.make((Place("sd", Level.PROVINCIAL, "37"),))
    return cluster["sd"]


def refused(node: Node, exit_code: int) -> str:
    """What `yunnao run` says when it will not; asserts one line and the exit code."""
    done = cli(node.folder, "run", timeout_s=30.0)
    assert done.returncode == exit_code, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr


def test_an_unknown_key_is_refused_with_the_nearest_one_and_its_line(made: Node) -> None:
    config = made.folder / "node.toml"
    lines = config.read_text("utf-8").splitlines()
    line = lines.index("[devices]") + 2
    config.write_text("\n".join([*lines[: line - 1], "annonymous = true", *lines[line - 1 :]]) + "\n", "utf-8")
    told = refused(made, EXIT_CONFIG)
    assert f"{config}:{line}: unknown key 'devices.annonymous': did you mean 'anonymous'?" in told


@pytest.mark.parametrize(
    ("text", "word"), [(b"[node\nid = 1\n", "is not TOML"), (b"\xff\xfe\x00[node]", "is not UTF-8"), (b"", "is missing")]
)
def test_a_corrupt_node_toml_is_refused(made: Node, text: bytes, word: str) -> None:
    (made.folder / "node.toml").write_bytes(text)
    assert word in refused(made, EXIT_CONFIG)


def test_a_truncated_journal_is_refused_with_the_file_and_the_way_out(made: Node) -> None:
    made.start()
    cluster_of(made).wait("the node to answer", lambda: bool(made.call("status")), watch=made)
    assert made.stop() == 0
    made.journal.write_bytes(made.journal.read_bytes()[: 3 * 65_536 // 2])
    told = refused(made, EXIT_FAILED)
    assert str(made.journal) in told
    assert "restore it from a backup, or move it away and re-seed this node from its parent" in told


def test_a_journal_of_something_else_is_refused(made: Node) -> None:
    made.journal.write_text("not a database", "utf-8")
    assert "is not a journal" in refused(made, EXIT_FAILED)


@pytest.mark.parametrize("name", ["devices.db", "rejects.db", "identity.db"])
def test_every_other_store_that_is_damaged_is_named_too(made: Node, name: str) -> None:
    (made.folder / name).write_text("not a database " * 100, "utf-8")
    assert str(made.folder / name) in refused(made, EXIT_FAILED)


def test_a_second_run_of_the_same_node_is_refused_and_harms_nothing(made: Node) -> None:
    made.start()
    try:
        cluster_of(made).wait("the node to answer", lambda: bool(made.call("status")), watch=made)
        assert f"is running already, as process {made.pid}: stop that one first" in refused(made, EXIT_REFUSED)
        assert made.call("tree")["self"] == "sd"
    finally:
        assert made.stop() == 0


def test_an_address_in_use_is_named(made: Node) -> None:
    config = made.folder / "node.toml"
    text = config.read_text("utf-8")
    config.write_text(text.replace(str(made.ports["door"]), str(made.ports["link"])), "utf-8")
    told = refused(made, EXIT_FAILED)
    assert str(made.ports["link"]) in told


def cluster_of(node: Node) -> Cluster:
    """A cluster that waits for one node."""
    cluster = Cluster(node.folder.parent)
    cluster.nodes[node.id] = node
    return cluster


def test_every_verb_has_help(tmp_path: Path) -> None:
    overview = cli(tmp_path, "--help").stdout
    assert [verb for verb in VERBS if f"\n  {verb} " not in overview] == []
    for words in (*((verb,) for verb in ("run", "console", "simulate", "demo")), *SUB_VERBS):
        done = cli(tmp_path, *words, "--help")
        assert (done.returncode, done.stderr) == (0, ""), words
        assert done.stdout.startswith(f"usage: yunnao {' '.join(words)}")
