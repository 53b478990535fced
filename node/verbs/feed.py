"""`yunnao feed FILE`: replays a CSV series into a sensor door by MQTT. Arguments and work are in node/ingest/feed.py."""

from __future__ import annotations

import argparse

from node.ingest import feed
from node.verb import Verb, VerbParser, help_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    feed.add_arguments(parser, parser.language if isinstance(parser, VerbParser) else "en")
    parser.add_argument("--json", action="store_true", help=help_text(parser, "option_json"))


def run(args: argparse.Namespace) -> int:
    """Replay the file; the exit code of the feed."""
    return feed.run_feed(args)


VERB = Verb("feed", "cli.help_feed", add_arguments, run)
