"""`yunnao join ADDRESS TOKEN`: get certified by a parent and note its address in node.toml; with --id and so on it makes the node first."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable

from node.clock import SystemClock
from node.config import CONFIG_NAME, NodeConfig, set_parent
from node.errors import EXIT_OK
from node.identity.files import IdentityFiles
from node.identity.join_client import JoinOutcome, join_parent
from node.texts import text
from node.verb import UsageError, Verb, help_text
from node.verbs.folder import facts_of_config, read_config
from node.verbs.init import add_identity_arguments, init_node, text_of
from node.verbs.output import print_json, print_line, talk
from node.verbs.times import duration_s


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("address", metavar="ADDRESS", help=help_text(parser, "join_address"))
    parser.add_argument("token", metavar="TOKEN", help=help_text(parser, "join_token"))
    parser.add_argument("--wait", default="1h", metavar="TIME", help=help_text(parser, "join_wait"))
    parser.add_argument("--json", action="store_true", help=help_text(parser, "option_json"))
    add_identity_arguments(parser, required=False)


def run(args: argparse.Namespace) -> int:
    """Join, wait for the operator if need be, and store what was issued."""

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


def _made_or_read(args: argparse.Namespace) -> NodeConfig:
    if (args.dir / CONFIG_NAME).exists():
        return read_config(args.dir)
    if not (args.id and args.level and args.territory):
        raise UsageError(f"no node in {args.dir}: run `yunnao init` first, or give --id, --level and --territory here")
    return init_node(args.dir, text_of(args), SystemClock())


VERB = Verb("join", "cli.help_join", add_arguments, run)
