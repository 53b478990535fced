"""`yunnao init`: makes a node's folder with configuration, keys and incarnation; at provincial level also the root. Never overwrites."""

from __future__ import annotations

import argparse
from pathlib import Path

from node.clock import Clock, SystemClock
from node.config.config import CONFIG_NAME, NodeConfig, load_config, parse_config
from node.config.errors import ConfigError, Problem
from node.config.template import DEVICES_LISTEN, render_config, write_config
from node.errors import EXIT_OK
from node.identity.files import IdentityFiles
from node.texts import LANGUAGES, text
from node.verb import Verb, help_text
from node.verbs.folder import facts_of_config
from node.verbs.output import print_json, print_line
from sync.model import Level, Territory

LISTEN = "127.0.0.1:7440"
JOIN_LISTEN = "127.0.0.1:7441"
"""Addresses of a new node that can have children: loopback, until the installer opens them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    add_identity_arguments(parser, required=True)
    parser.add_argument("--json", action="store_true", help=help_text(parser, "option_json"))


def add_identity_arguments(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """The arguments that make a new node; `join` takes them too."""
    parser.add_argument("--id", required=required, help=help_text(parser, "init_id"))
    parser.add_argument("--level", required=required, choices=[level.word for level in Level], help=help_text(parser, "init_level"))
    parser.add_argument("--territory", required=required, metavar="CODE", help=help_text(parser, "init_territory"))
    parser.add_argument("--name", default="", help=help_text(parser, "init_name"))
    parser.add_argument("--language", dest="node_language", default="zh", choices=LANGUAGES, help=help_text(parser, "init_language"))
    parser.add_argument("--coding-system", default=Territory("37").system, help=help_text(parser, "init_system"))
    parser.add_argument("--edition", default=Territory("37").edition, help=help_text(parser, "init_edition"))
    parser.add_argument("--listen", default=None, metavar="HOST:PORT", help=help_text(parser, "init_listen"))
    parser.add_argument("--join-listen", default=None, metavar="HOST:PORT", help=help_text(parser, "init_join_listen"))
    parser.add_argument("--devices-listen", action="append", default=None, metavar="HOST:PORT", help=help_text(parser, "init_devices"))


def run(args: argparse.Namespace) -> int:
    """Make the node and say what is where."""
    config = init_node(args.dir, text_of(args), SystemClock())
    certified = IdentityFiles(config.folder).is_certified
    if args.json:
        print_json({"node": config.node.id, "level": config.node.level, "dir": str(config.folder), "certified": certified})
        return EXIT_OK
    print_line(text("cli.init_done", args.language, node=config.node.id, dir=config.folder))
    print_line(text("cli.init_next_run" if certified else "cli.init_next_join", args.language))
    return EXIT_OK


def text_of(args: argparse.Namespace) -> str:
    """The node.toml that the arguments describe; raises ModelError for a level or territory that cannot be."""
    level = Level.from_word(args.level)
    has_children = level is not Level.GRID
    return render_config(
        node=args.id,
        level=level,
        territory=Territory(args.territory, args.coding_system, args.edition),
        name=args.name,
        language=args.node_language,
        listen=args.listen or (LISTEN if has_children else ""),
        join_listen=args.join_listen or (JOIN_LISTEN if has_children else ""),
        devices_listen=tuple(args.devices_listen or DEVICES_LISTEN),
    )


def init_node(folder: Path, config_text: str, clock: Clock) -> NodeConfig:
    """Make a new node in `folder` from the text of its node.toml; raises ConfigError, KeyFileError, and changes nothing that is there."""
    path = folder / CONFIG_NAME
    facts = facts_of_config(parse_config(config_text, path))
    if path.exists():
        raise ConfigError(path, [Problem((), "exists already and is never overwritten: choose another --dir")])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    IdentityFiles(folder).make(facts, now_us=clock.wall_us())
    write_config(path, config_text)
    return load_config(path)


VERB = Verb("init", "cli.help_init", add_arguments, run)
