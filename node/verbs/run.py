"""`yunnao run`: runs the node in the foreground until it is told to stop."""

from __future__ import annotations

import argparse

from node.verb import Verb
from node.verbs.folder import read_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb has no arguments of its own."""


def run(args: argparse.Namespace) -> int:
    """Check the configuration, then hand over to the appliance; its exit code."""
    config = read_config(args.dir)
    from node.appliance import run_node

    return run_node(config)


VERB = Verb("run", "cli.help_run", add_arguments, run)
