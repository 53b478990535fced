"""`yunnao attach`: give a node another parent, on an ancestor of both; or take such an order from a file where no link brings it."""

from __future__ import annotations

import argparse
from pathlib import Path

from node.attachment.api import as_json
from node.attachment.orders import ORDER_BYTES_MAX, AttachmentError, OrderBook, order_folder
from node.client import NodeClient, NodeUnreachable
from node.errors import EXIT_OK
from node.files import write_durably
from node.identity.files import IdentityFiles
from node.texts import text
from node.verb import UsageError, Verb, help_text
from node.verbs.folder import read_config
from node.verbs.output import print_json, print_line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("node", nargs="?", help=help_text(parser, "attach_node"))
    parser.add_argument("--from", dest="old", metavar="PARENT", help=help_text(parser, "attach_from"))
    parser.add_argument("--to", dest="new", metavar="PARENT", help=help_text(parser, "attach_to"))
    parser.add_argument("--address", metavar="HOST:PORT", help=help_text(parser, "attach_address"))
    parser.add_argument("--out", metavar="FILE", type=Path, help=help_text(parser, "attach_out"))
    parser.add_argument("--order", metavar="FILE", type=Path, help=help_text(parser, "attach_order"))
    parser.add_argument("--json", action="store_true", help=help_text(parser, "option_json"))


def run(args: argparse.Namespace) -> int:
    """Give an order, or take one."""
    answer = _take(args) if args.order is not None else _give(args)
    if args.out is not None:
        _write(args.out, str(answer["order"]))
    if args.json:
        print_json(answer)
        return EXIT_OK
    key = "cli.attach_done" if answer["is_news"] else "cli.attach_known"
    print_line(text(key, args.language, node=answer["node"], new=answer["to"], address=answer["address"], serial=answer["serial"]))
    return EXIT_OK


def _give(args: argparse.Namespace) -> dict[str, object]:
    if not (args.node and args.old and args.new):
        raise UsageError("name the node, its parent and the new one: yunnao attach NODE --from OLD --to NEW, or give --order FILE")
    return NodeClient(args.dir).call("attach", node=args.node, old=args.old, new=args.new, address=args.address)


def _take(args: argparse.Namespace) -> dict[str, object]:
    raw = _read(args.order)
    try:
        return NodeClient(args.dir).call("attach_order", order=raw.decode("utf-8", "replace"))
    except NodeUnreachable:
        return _keep(args.dir, raw)


def _keep(folder: Path, raw: bytes) -> dict[str, object]:
    """Put the order into the folder of a node that does not run: it obeys when it starts."""
    read_config(folder)
    book = OrderBook(order_folder(folder), IdentityFiles(folder).root_pem())
    order = book.take(raw)
    return as_json(order or book.read(raw), is_news=order is not None)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(ORDER_BYTES_MAX + 1)
    except OSError as error:
        raise AttachmentError(f"order file {path} cannot be read ({error.strerror})") from error


def _write(path: Path, order: str) -> None:
    try:
        write_durably(path.absolute(), order.encode() + b"\n")
    except OSError as error:
        raise AttachmentError(f"order file {path} cannot be written ({error.strerror})") from error


VERB = Verb("attach", "cli.help_attach", add_arguments, run)
