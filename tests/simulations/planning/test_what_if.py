"""What another policy would let pass: counted on real batches by both gates."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from node.cli import main
from node.config.config import NodeConfig
from node.errors import EXIT_NEGATIVE, EXIT_OK, EXIT_USAGE
from node.identity.files import IdentityFiles
from node.store.journal import open_journal
from policies.bundle import Bundle, SignedBundle, canonical_json
from policies.explain import row_batch
from policies.gate import CompiledGate, Station
from policies.presets import preset_bundle
from policies.ruleset import merge
from simulations.planning.what_if import compare
from sync.model import Batch, BatchHeader, Direction, Level, Run, StoredBatch
from sync.model.writes import StoreBatch
from sync.ports import Flow
from sync.wire.payload import concat_rows, encode_payload
from tests.node.station import make_station

NOW_US = 1_790_000_000_000_000
UP = Flow("d", Level.DISTRICT, "", Direction.UP)
DAY_US = 86_400_000_000
DATES = {"not_before_us": NOW_US - 200 * DAY_US, "not_after_us": NOW_US + 400 * DAY_US}
PROVINCE = preset_bundle(Level.PROVINCIAL, issuer="p0", **DATES)
SHIPPED = preset_bundle(Level.MUNICIPAL, issuer="m1", **DATES)
"""The city's bundle withholds protected residents."""
OPEN = replace(SHIPPED, epoch=2, contents=replace(SHIPPED.contents, entries=()))


def gate(city: Bundle) -> CompiledGate:
    return CompiledGate(merge([PROVINCE, city]), Station("s", Level.STREET), now_us=NOW_US)


def residents(*, listed: int, others: int) -> StoredBatch:
    """A batch of specimen residents, the protected ones first."""
    known = gate(SHIPPED).book.ruleset.resources["residents"]
    specimen = dict(known.specimen)
    protected = {**specimen, **dict(known.specimen_listed)}
    rows = concat_rows([row_batch(known, row) for row in [protected] * listed + [specimen] * others])
    payload = encode_payload(rows, compression="lz4")
    run = Run("s", 1, 1, rows.num_rows, 0)
    header = BatchHeader("residents", known.lane, known.schema_version, rows.num_rows, (run,), bytes(32), len(payload), 0, grade_max=3)
    return StoredBatch(1, Batch(header, payload), "s")


def test_equal_policies_change_nothing() -> None:
    change = compare([residents(listed=2, others=3)], gate(SHIPPED), gate(SHIPPED), UP)["residents"]
    assert not change.is_looser
    assert (change.rows.under_a, change.rows.under_b) == (3, 3)


def test_rows_that_only_the_looser_policy_lets_pass_are_gained_and_masked_cells_count() -> None:
    change = compare([residents(listed=2, others=3)], gate(SHIPPED), gate(OPEN), UP)["residents"]
    assert (change.rows.gained, change.rows.lost) == (2, 0)
    assert change.is_looser
    assert change.columns["territory"].gained == 2


def test_a_stricter_policy_only_loses() -> None:
    change = compare([residents(listed=2, others=3)], gate(OPEN), gate(SHIPPED), UP)["residents"]
    assert (change.rows.gained, change.rows.lost) == (0, 2)
    assert not change.is_looser


@pytest.fixture
def station(tmp_path: Path) -> NodeConfig:
    """A node's folder with residents in its journal and the shipped policy in force."""
    config = make_station(tmp_path / "node")
    files = IdentityFiles(config.folder)
    journal = open_journal(config.data_dir / "journal.db", node=config.node.id, incarnation=files.incarnation())
    stored = residents(listed=2, others=3)
    payload_sha256 = hashlib.sha256(stored.batch.payload).digest()
    batch = replace(stored.batch, header=replace(stored.batch.header, payload_sha256=payload_sha256))
    journal.commit([StoreBatch(replace(stored, batch=batch))])
    journal.close()
    (config.folder / "policy").mkdir()
    for bundle in (PROVINCE, SHIPPED):
        (config.folder / "policy" / f"{bundle.issuer}.json").write_bytes(SignedBundle(bundle, b"", "").encode())
    return config


def asked(config: NodeConfig, draft: Path, *more: str) -> int:
    return main(["--lang", "en", "--dir", str(config.folder), "what-if", "--bundle", str(draft), "--toward", "district", *more])


def test_the_verb_stops_a_review_when_more_would_cross(station: NodeConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draft = tmp_path / "draft.json"
    draft.write_bytes(canonical_json(OPEN.encoded()))
    assert asked(station, draft, "--json") == EXIT_NEGATIVE
    found = json.loads(capsys.readouterr().out)
    assert [(entry["resource"], entry["rows"]["gained"]) for entry in found["resources"]] == [("residents", 2)]
    assert asked(station, draft) == EXIT_NEGATIVE
    assert "residents" in capsys.readouterr().out


def test_the_verb_passes_what_is_no_looser(station: NodeConfig, tmp_path: Path) -> None:
    draft = tmp_path / "draft.json"
    draft.write_bytes(canonical_json(replace(SHIPPED, epoch=2).encoded()))
    assert asked(station, draft) == EXIT_OK


@pytest.mark.parametrize("text", ["", "[]", '{"issuer": "p0"}', '{"signature": 1}'])
def test_a_draft_that_is_no_bundle_is_named(station: NodeConfig, tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "draft.json").write_text(text)
    assert asked(station, tmp_path / "draft.json") == EXIT_USAGE
    assert "draft.json refused" in capsys.readouterr().err
