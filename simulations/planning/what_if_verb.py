"""`yunnao what-if --bundle FILE`: what would leave this node under another policy and does not today, over the records it holds.

Nothing is changed and nothing is sent. The exit code is 1 when more would cross than today, so that a review can stop on it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from node.clock import SystemClock
from node.config.config import NodeConfig
from node.engine.engine_room import pseudonym_keys
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.identity.files import IdentityFiles
from node.texts import text
from node.verb import UsageError, Verb, help_text
from node.verbs.folder import read_config
from node.verbs.output import print_json, print_line, print_table
from policies.bundle import Bundle, decode_signed
from policies.errors import PolicyError
from policies.gate import CompiledGate, Station
from policies.ruleset import merge
from policies.slice_wire import decode as decode_slice
from simulations.planning.what_if import Change, ResourceChange, compare, stored_batches
from sync.model import Direction, Level
from sync.ports import Flow

BUNDLE_FILE_BYTES_MAX = 32 << 20
LEVELS = tuple(level.word for level in Level)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("--bundle", type=Path, action="append", required=True, metavar="FILE", help=help_text(parser, "whatif_bundle"))
    parser.add_argument("--toward", choices=LEVELS, default=None, help=help_text(parser, "whatif_toward"))
    parser.add_argument("--json", action="store_true", help=help_text(parser, "option_json"))


def run(args: argparse.Namespace) -> int:
    """Print what would change, by resource and column; 1 when more would cross."""
    config = read_config(args.dir)
    held = {bundle.issuer: bundle for bundle in _held(config.folder / "policy")}
    drafted = held | {bundle.issuer: bundle for bundle in (read_bundle(path) for path in args.bundle)}
    today, then = _gate(config, held), _gate(config, drafted)
    level = Level.from_word(args.toward) if args.toward else Level(min(config.level + 1, Level.PROVINCIAL))
    flow = Flow("what-if", level, "", Direction.UP)
    resources = sorted({*today.book.ruleset.resources, *then.book.ruleset.resources})
    changes = compare(stored_batches(config.data_dir / "journal.db", resources), today, then, flow)
    if args.json:
        print_json({"toward": level.word, "resources": [as_json(changes[name]) for name in sorted(changes)]})
    else:
        _show(changes, args.language, level)
    return EXIT_NEGATIVE if any(change.is_looser for change in changes.values()) else EXIT_OK


def read_bundle(path: Path) -> Bundle:
    """A drafted bundle from a file, signed or not; raises UsageError naming the file."""
    try:
        if path.stat().st_size > BUNDLE_FILE_BYTES_MAX:
            raise UsageError(f"--bundle {path} refused: over {BUNDLE_FILE_BYTES_MAX >> 20} MiB")
        data = path.read_bytes()
        value = json.loads(data)
        return decode_signed(data).bundle if isinstance(value, dict) and "signature" in value else Bundle.of(value)
    except (OSError, ValueError, RecursionError, PolicyError) as error:
        raise UsageError(f"--bundle {path} refused: {error}") from error


def as_json(change: ResourceChange) -> dict[str, object]:
    """One resource's change as plain values."""
    return {
        "resource": change.resource,
        "rows": _counts(change.rows),
        "columns": {name: _counts(column) for name, column in change.columns.items()},
        "unseen": change.unseen,
        "looser": change.is_looser,
    }


def _held(folder: Path) -> list[Bundle]:
    whole = [decode_signed(path.read_bytes()).bundle for path in sorted(folder.glob("*.json"))]
    return whole + [decode_slice(path.read_bytes(), lambda issuer: {}).bundle() for path in sorted(folder.glob("*.slice"))]


def _gate(config: NodeConfig, bundles: dict[str, Bundle]) -> CompiledGate:
    ruleset = merge(bundles.values())
    keys = pseudonym_keys(IdentityFiles(config.folder).pseudonym_secret(), ruleset)
    return CompiledGate(ruleset, Station(config.node.id, config.level, keys), now_us=SystemClock().wall_us())


def _counts(change: Change) -> dict[str, int]:
    return {"under_a": change.under_a, "under_b": change.under_b, "gained": change.gained, "lost": change.lost}


def _show(changes: dict[str, ResourceChange], language: str, level: Level) -> None:
    print_line(text("plan.whatif_head", language, level=level.word))
    rows: list[tuple[object, ...]] = []
    for name in sorted(changes):
        change = changes[name]
        rows.append((name, text("plan.whatif_rows", language), *_counts(change.rows).values()))
        rows += [("", column, *_counts(counts).values()) for column, counts in change.columns.items() if counts.gained or counts.lost]
    print_table(text("plan.whatif_columns", language).split("|"), rows)
    unseen = sum(change.unseen for change in changes.values())
    if unseen:
        print_line(text("plan.whatif_unseen", language, count=unseen))


VERB = Verb("what-if", "cli.help_what-if", add_arguments, run)
