"""`yunnao bundle export / import / receipt`: what a link would carry, as files. The running node does the work; this names the files."""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

from node.client import NodeClient
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.verb import UsageError, Verb
from node.verbs.actions import Actions
from node.verbs.output import list_of, print_json, print_line, print_table, talk

TIMEOUT_S = 24 * 3_600.0
"""A backlog of months takes its time."""
PART_MB = 256


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    actions = Actions(parser, "bundle")
    export = actions.add("export")
    export.add_argument("peer", metavar="PEER", help=actions.help("peer"))
    export.add_argument("folder", type=Path, metavar="FOLDER", help=actions.help("folder"))
    export.add_argument("--part-mb", type=int, default=PART_MB, metavar="MB", help=actions.help("part_mb", default=PART_MB))
    take = actions.add("import")
    take.add_argument("paths", type=Path, nargs="+", metavar="PATH", help=actions.help("paths"))
    take.add_argument("--receipts", type=Path, default=None, metavar="FOLDER", help=actions.help("receipts"))
    receipt = actions.add("receipt")
    receipt.add_argument("file", type=Path, nargs="?", default=None, metavar="FILE", help=actions.help("receipt_file"))
    receipt.add_argument("--write", default=None, metavar="PEER", help=actions.help("receipt_write"))
    receipt.add_argument("--to", type=Path, default=None, metavar="FOLDER", help=actions.help("receipt_to"))


def run(args: argparse.Namespace) -> int:
    """Let the node do it; 1 when a file was not taken."""
    client = NodeClient(args.dir)
    if args.action == "export":
        return _export(client, args)
    if args.action == "import":
        return _import(client, args)
    if (args.file is None) == (args.write is None):
        raise UsageError("name a receipt FILE to take, or --write PEER to write one")
    return _write_receipt(client, args) if args.file is None else _take_receipt(client, args)


def _export(client: NodeClient, args: argparse.Namespace) -> int:
    folder = args.folder.resolve()
    answer = client.call("bundle_export", timeout_s=TIMEOUT_S, peer=args.peer, folder=str(folder), part_mb=args.part_mb)
    if args.json:
        print_json(answer)
        return EXIT_OK
    files = [str(file) for file in _list(answer.get("files"))]
    for file in files:
        print_line(file)
    talk(_export_words(answer, files, folder, args))
    if files and not answer.get("introduction"):
        talk(text("bundle.next_export", args.language, peer=args.peer))
    return EXIT_OK


def _export_words(answer: dict[str, object], files: list[str], folder: Path, args: argparse.Namespace) -> str:
    if answer.get("introduction"):
        return text("bundle.introduction", args.language, peer=args.peer, file=files[0])
    if not files:
        return text("bundle.nothing", args.language, peer=args.peer)
    counts = {"parts": answer.get("parts_new"), "records": answer.get("records_new")}
    return text("bundle.exported", args.language, count=len(files), peer=args.peer, folder=folder, **counts)


def _import(client: NodeClient, args: argparse.Namespace) -> int:
    answers = [_import_from(client, folder, paths) for folder, paths in _by_receipt_folder(args).items()]
    answer = {part: [entry for one in answers for entry in _list(one.get(part))] for part in ("files", "refused", "receipts")}
    if args.json:
        print_json(answer)
    else:
        _print_import(answer, args.language)
    return EXIT_NEGATIVE if answer["refused"] else EXIT_OK


def _import_from(client: NodeClient, folder: Path, paths: list[str]) -> dict[str, object]:
    return client.call("bundle_import", timeout_s=TIMEOUT_S, paths=paths, receipts=str(folder))


def _by_receipt_folder(args: argparse.Namespace) -> dict[Path, list[str]]:
    """The paths by the folder their receipts go to."""
    found: defaultdict[Path, list[str]] = defaultdict(list)
    for path in args.paths:
        whole = path.resolve()
        beside = whole if whole.is_dir() else whole.parent
        found[beside if args.receipts is None else args.receipts.resolve()].append(str(whole))
    return found


def _print_import(answer: dict[str, list[object]], language: str) -> None:
    rows = [_row(entry, language) for entry in list_of(answer["files"])]
    if rows:
        print_table(text("bundle.import_columns", language).split("|"), rows)
    for entry in list_of(answer["refused"]):
        talk(text("bundle.not_taken", language, why=entry.get("why")))
    for path in answer["receipts"]:
        print_line(text("bundle.receipt_at", language, path=path))


def _row(entry: dict[str, object], language: str) -> tuple[object, ...]:
    kind = text("bundle.kind_data" if entry.get("kind") == "data" else "bundle.kind_receipt", language)
    counts = (entry.get("frames_new"), entry.get("frames_here"), entry.get("refused"))
    return (Path(str(entry.get("path"))).name, entry.get("sender"), kind, *counts)


def _take_receipt(client: NodeClient, args: argparse.Namespace) -> int:
    answer = client.call("bundle_receipt", timeout_s=TIMEOUT_S, path=str(args.file.resolve()))
    if args.json:
        print_json(answer)
        return EXIT_OK
    for entry in list_of(answer.get("files")):
        talk(text("bundle.receipt_taken", args.language, path=Path(str(entry.get("path"))).name, sender=entry.get("sender")))
    return EXIT_OK


def _write_receipt(client: NodeClient, args: argparse.Namespace) -> int:
    folder = (args.to or Path()).resolve()
    answer = client.call("bundle_receipt_write", timeout_s=TIMEOUT_S, peer=args.write, folder=str(folder))
    if args.json:
        print_json(answer)
    else:
        print_line(text("bundle.receipt_at", args.language, path=answer.get("receipt")))
    return EXIT_OK


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


VERB = Verb("bundle", "cli.help_bundle", add_arguments, run)
