"""`yunnao join ADDRESS TOKEN`: get certified by a parent and note its address in node.toml; with --id and so on it makes the node first.

Where there is no connection, `--request FILE TOKEN` writes what the parent's `yunnao admit --request` takes, and `--answer FILE` takes what
that wrote. Without a token a certified node asks for a later certificate.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable
from pathlib import Path

from node.clock import SystemClock
from node.config.config import CONFIG_NAME, NodeConfig, set_parent
from node.errors import EXIT_OK
from node.identity.files import IdentityFiles
from node.identity.join_client import JoinOutcome, join_parent
from node.identity.join_files import take_answer, write_request
from node.texts import text
from node.verb import UsageError, Verb, help_text
from node.verbs.folder import facts_of_config, read_config
from node.verbs.init import add_identity_arguments, init_node, text_of
from node.verbs.output import moment_text, print_json, print_line, talk
from node.verbs.times import duration_s


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("address", metavar="ADDRESS", nargs="?", default="", help=help_text(parser, "join_address"))
    parser.add_argument("token", metavar="TOKEN", nargs="?", default="", help=help_text(parser, "join_token"))
    by_file = parser.add_mutually_exclusive_group()
    by_file.add_argument("--request", metavar="FILE", type=Path, default=None, help=_help(parser, "request"))
    by_file.add_argument("--answer", metavar="FILE", type=Path, default=None, help=_help(parser, "answer"))
    parser.add_argument("--wait", default="1h", metavar="TIME", help=help_text(parser, "join_wait"))
    parser.add_argument("--json", action="store_true", help=help_text(parser, "option_json"))
    add_identity_arguments(parser, required=False)


def run(args: argparse.Namespace) -> int:
    """Join, wait for the operator if need be, and store what was issued."""
    if args.request is not None:
        return _write_request(args)
    if args.answer is not None:
        return _take_answer(args)
    if not (args.address and args.token):
        raise UsageError("name the parent's join address and a token: yunnao join ADDRESS TOKEN, or --request FILE TOKEN without a network")

    def on_pending(print_of_key: str) -> None:
        talk(text("cli.join_pending", args.language, fingerprint=print_of_key))

    config = _made_or_read(args)
    outcome = join_node(config, args.address, args.token, wait_s=duration_s(args.wait), on_pending=on_pending)
    if args.json:
        print_json({"node": outcome.node, "parent": outcome.parent.node, "path": outcome.parent.path, "link_address": outcome.link_address})
        return EXIT_OK
    parent = f"{outcome.parent.node} ({outcome.parent.level.word} {outcome.parent.territory.code})"
    print_line(text("cli.join_done", args.language, node=outcome.node, parent=parent, fingerprint=outcome.fingerprint))
    if not outcome.link_address:
        talk(text("cli.join_no_link", args.language))
    return EXIT_OK


def join_node(config: NodeConfig, address: str, token: str, *, wait_s: float, on_pending: Callable[[str], None] | None) -> JoinOutcome:
    """Join the parent at `address` and write [parent] into the configuration; raises JoinError, ChainError, ConfigError."""
    files, clock = IdentityFiles(config.folder), SystemClock()
    joining = join_parent(address, token, files=files, facts=facts_of_config(config), clock=clock, on_pending=on_pending, wait_s=wait_s)
    outcome = asyncio.run(joining)
    set_parent(config.path, address=outcome.link_address, join_address=address)
    return outcome


def _write_request(args: argparse.Namespace) -> int:
    config = _made_or_read(args)
    files, token = IdentityFiles(config.folder), args.token or args.address
    if not token and not files.is_certified:
        raise UsageError("a node that never joined needs a token: yunnao join --request FILE TOKEN")
    print_of_key = write_request(args.request, files=files, facts=facts_of_config(config), token=token)
    if args.json:
        print_json({"node": config.node.id, "request": str(args.request), "fingerprint": print_of_key, "renewal": not token})
        return EXIT_OK
    print_line(text("joining.requested", args.language, file=args.request, fingerprint=print_of_key))
    talk(text("joining.next_admit", args.language, file=args.request.name))
    return EXIT_OK


def _take_answer(args: argparse.Namespace) -> int:
    config = read_config(args.dir)
    files = IdentityFiles(config.folder)
    outcome = take_answer(args.answer, files=files, facts=facts_of_config(config), now_us=SystemClock().wall_us())
    ends_us = files.own(now_us=None).not_after_us
    if args.json:
        print_json({"node": outcome.node, "parent": outcome.parent.node, "path": outcome.parent.path, "not_after_us": ends_us})
        return EXIT_OK
    print_line(text("joining.answered", args.language, node=outcome.node, parent=outcome.parent.node, ends=moment_text(ends_us)))
    return EXIT_OK


def _help(parser: argparse.ArgumentParser, key: str) -> str:
    return text(f"joining.{key}", getattr(parser, "language", "en")).replace("%", "%%")


def _made_or_read(args: argparse.Namespace) -> NodeConfig:
    if (args.dir / CONFIG_NAME).exists():
        return read_config(args.dir)
    if not (args.id and args.level and args.territory):
        raise UsageError(f"no node in {args.dir}: run `yunnao init` first, or give --id, --level and --territory here")
    return init_node(args.dir, text_of(args), SystemClock())


VERB = Verb("join", "cli.help_join", add_arguments, run)
