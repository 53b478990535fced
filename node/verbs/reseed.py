"""`yunnao reseed`: a node that lost its journal, or part of it, gets back from its parent what it had brought there.

Gives the folder a new incarnation, as `yunnao restore` does, and asks: the parent returns it all once the node runs and is linked
(node/fork/reseed.py). Its children send what they still hold by themselves. Refuses while the node runs, and for a node without a parent.
"""

from __future__ import annotations

import argparse

from node.audit.left import left
from node.clock import SystemClock
from node.errors import EXIT_OK
from node.fork.reseed import wish_reseed
from node.run_lock import run_lock
from node.texts import text
from node.verb import UsageError, Verb, help_text
from node.verbs.folder import read_config
from node.verbs.output import print_json, print_line
from node.verbs.restore import begin_new_life
from sync.model import Level


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("--json", action="store_true", help=help_text(parser, "option_json"))


def run(args: argparse.Namespace) -> int:
    """Begin a new life that asks its parent."""
    config = read_config(args.dir)
    if config.level is Level.PROVINCIAL:
        raise UsageError(f"{config.node.id} is provincial and has no parent to reseed from: its children send what they hold, start it")
    from node.engine.engine_room import journal_path

    with run_lock(config.folder), left(config.data_dir, "reseed", config.node.id, at_us=SystemClock().wall_us()):
        life = begin_new_life(config.folder, journal_path(config), node=config.node.id)
        wish_reseed(config.folder, journal_path(config), now_us=SystemClock().wall_us())
    if args.json:
        print_json({"node": config.node.id, "reseed": "wanted"} | life.plain)
        return EXIT_OK
    print_line(text("recovery.reseed_wanted", args.language, node=config.node.id, new=f"{life.incarnation:016x}", end=life.end))
    return EXIT_OK


VERB = Verb("reseed", "cli.help_reseed", add_arguments, run)
