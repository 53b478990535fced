"""`yunnao audit check`: the simulator's checkers over the journals of real nodes, read-only, stopped or running.

P2 (each record counts once), P3 (order within a stream), P8 (the equation of every hop) from the journal alone; P4 (nothing that the
bundles in force forbid is stored) where the node's folder with its bundles is given. A batch that was taken under an older policy is not
judged by the newer one. Refuses paths that hold no journal. Found by `node/verbs/audit.py` through the entry-point group `yunnao.audits`.
"""

from __future__ import annotations

import argparse
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from node.clock import SystemClock
from node.config.config import CONFIG_NAME, NodeConfig
from node.engine.engine_room import pseudonym_keys
from node.errors import EXIT_NEGATIVE, EXIT_OK, EXIT_USAGE
from node.identity.bundle_seal import BundleSeal
from node.identity.files import IdentityFiles
from node.policy.store import PolicyStore
from node.store import flows
from node.store.queries import batches_at
from node.texts import text
from node.verb import UsageError, Verb
from node.verbs.folder import read_config
from node.verbs.output import print_json, print_table
from policies.gate import CompiledGate, Station
from policies.ruleset import Ruleset
from simulations.checkers import Copy, Holder, Promise, Violation, read_copy
from simulations.checkers.accounting import check_accounts
from simulations.checkers.stored import check_order
from simulations.checkers.values import VIOLATIONS_PER_CHECK_MAX
from sync.model import BatchHeader, Direction, JournalCorrupt, Level
from sync.ports import Flow
from sync.wire.payload import unfold_payload

BATCHES_AT_ONCE = 64
EXIT_CANNOT_TELL = EXIT_USAGE


@dataclass(frozen=True, slots=True)
class Result:
    """One promise at one node."""

    node: str
    promise: Promise
    found: tuple[Violation, ...] = ()
    why_unknown: str = ""
    """Why nothing can be said; empty when it was checked."""

    @property
    def word(self) -> str:
        """Key of the verdict in node/texts/*/audit.toml."""
        if self.found:
            return "check_broken"
        return "check_unknown" if self.why_unknown else "check_holds"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    language = getattr(parser, "language", "en")
    parser.add_argument("path", nargs="*", type=Path, help=text("audit.option_folders", language))
    parser.add_argument("--json", action="store_true", help=text("cli.option_json", language))


def run(args: argparse.Namespace) -> int:
    """Check every given node (the one of --dir without any): 0 all hold, 1 one is broken, 2 one could not be checked."""
    results = [result for path in args.path or [args.dir] for result in check(path)]
    if args.json:
        print_json([{"node": entry.node, "promise": entry.promise.value, "result": entry.word.removeprefix("check_"),
                     "found": [violation.text for violation in entry.found], "why": entry.why_unknown} for entry in results])  # fmt: skip
    else:
        print_table(text("audit.check_columns", args.language).split("|"), list(_rows(results, args.language)))
    if any(result.found for result in results):
        return EXIT_NEGATIVE
    return EXIT_CANNOT_TELL if any(result.why_unknown for result in results) else EXIT_OK


def _rows(results: list[Result], language: str) -> Iterator[tuple[object, ...]]:
    for result in results:
        verdict = text(f"audit.{result.word}", language)
        yield result.node, result.promise.value, verdict, result.found[0].text if result.found else result.why_unknown or "-"


def check(path: Path) -> list[Result]:
    """The promises of one node; `path` is its folder, or a journal file. Raises UsageError when there is no journal."""
    config = read_config(path) if (path / CONFIG_NAME).is_file() else None
    journal = path if config is None else config.data_dir / "journal.db"
    if not journal.is_file():
        raise UsageError(f"{path} refused: it is neither a node's folder nor a journal file")
    try:
        node = _node_of(journal)
        try:
            copy = read_copy(Holder(node, Level.GRID if config is None else config.level, "", "", journal))
        except JournalCorrupt as error:
            return [Result(node, promise, why_unknown=str(error)) for promise in (Promise.ONCE, Promise.ORDER)] + [_accounts(node, journal)]
        return [
            Result(node, Promise.ONCE, tuple(islice(_doubles(copy), VIOLATIONS_PER_CHECK_MAX))),
            Result(node, Promise.ORDER, tuple(check_order(copy, has_rebuilt=True))),
            _governed(node, journal, config),
            _accounts(node, journal),
        ]
    except sqlite3.DatabaseError as error:
        raise UsageError(f"{journal} refused: it cannot be read as a journal ({error})") from error


def _open(journal: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{journal.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)


def _node_of(journal: Path) -> str:
    with closing(_open(journal)) as connection:
        row = connection.execute("SELECT value FROM meta WHERE key = 'node'").fetchone()
    return str(row[0]) if row else journal.stem


def _doubles(copy: Copy) -> Iterator[Violation]:
    for resource, records in copy.records.items():
        rows = np.flatnonzero(records.live & (records.stream >= 0))
        keys = records.stream[rows] << 40 | records.number[rows]
        again = np.ones(len(keys), np.bool_)
        again[np.unique(keys, return_index=True)[1]] = False
        for row in rows[again]:
            stream = copy.streams[records.stream[row]]
            where = f"record {records.number[row]} of {stream.origin}/{resource}, batch {records.lsn[row]},"
            yield Violation(Promise.ONCE, copy.holder.id, f"{where} is live twice")


def _accounts(node: str, journal: Path) -> Result:
    found: list[Violation] = []
    with closing(_open(journal)) as connection:
        connection.execute("BEGIN")
        for peer, direction in connection.execute("SELECT DISTINCT peer, direction FROM out_mark ORDER BY 1, 2").fetchall():
            lines = flows.flow(connection, peer, Direction(direction), None, None)
            # A node at work has records on their way: pending is no fault here.
            found += check_accounts(node, lines, peer, Direction(direction), is_quiet=False)
    return Result(node, Promise.ACCOUNTED, tuple(found[:VIOLATIONS_PER_CHECK_MAX]))


def _governed(node: str, journal: Path, config: NodeConfig | None) -> Result:
    if config is None:
        return Result(node, Promise.GOVERNED, why_unknown="the bundles are in the node's folder: give that instead of the file")
    gate = _gate(config)
    found, judged = [], 0
    for header, payload in _received(journal, node):
        if header.policy_version != gate.version.digest:
            continue
        judged += 1
        flow = Flow(node, config.level, config.territory.code, header.direction)
        refusal = gate.inspect(flow, header, unfold_payload(payload) if payload else None)
        if refusal:
            found.append(Violation(Promise.GOVERNED, node, refusal))
    if not judged and not found and any(True for _ in _received(journal, node)):
        return Result(node, Promise.GOVERNED, why_unknown="everything stored was taken under older policies")
    return Result(node, Promise.GOVERNED, tuple(found[:VIOLATIONS_PER_CHECK_MAX]))


def _gate(config: NodeConfig) -> CompiledGate:
    clock, files = SystemClock(), IdentityFiles(config.folder)
    secret = files.pseudonym_secret()

    def compile_gate(ruleset: Ruleset) -> CompiledGate:
        return CompiledGate(ruleset, Station(config.node.id, config.level, pseudonym_keys(secret, ruleset)), now_us=clock.wall_us())

    return PolicyStore(config.folder / "policy", seal=BundleSeal(files), compile_gate=compile_gate, clock=clock).gate


def _received(journal: Path, node: str) -> Iterator[tuple[BatchHeader, bytes]]:
    """Header and payload of every batch with rows that came from another node."""
    with closing(_open(journal)) as connection:
        statement = "SELECT lsn FROM batch WHERE source <> ? AND row_count > 0 AND freed = 0 ORDER BY lsn"
        lsns = [lsn for (lsn,) in connection.execute(statement, (node,))]
        for start in range(0, len(lsns), BATCHES_AT_ONCE):
            for stored in batches_at(connection, lsns[start : start + BATCHES_AT_ONCE]):
                yield stored.batch.header, stored.batch.payload


VERB = Verb("check", "audit.help_check", add_arguments, run)
