"""`yunnao token create`: a single-use token for one child. Works on the folder, so the node need not run."""

from __future__ import annotations

import argparse

from node.audit.left import left
from node.clock import SystemClock
from node.errors import EXIT_OK
from node.texts import text
from node.verb import Verb, help_text
from node.verbs.actions import Actions
from node.verbs.folder import open_admissions, read_config
from node.verbs.output import moment_text, print_json, print_line, talk
from node.verbs.times import duration_s
from sync.model import Level, Territory


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    create = Actions(parser, "cli").add("create", "help_token_create")
    create.add_argument("--level", required=True, choices=[level.word for level in Level], help=help_text(parser, "token_level"))
    create.add_argument("--territory", required=True, metavar="CODE", help=help_text(parser, "token_territory"))
    create.add_argument("--ttl", default="24h", metavar="TIME", help=help_text(parser, "token_ttl"))
    create.add_argument("--auto-accept", action="store_true", help=help_text(parser, "token_auto_accept"))


def run(args: argparse.Namespace) -> int:
    """Print the token; it is shown this once and stored hashed."""
    config = read_config(args.dir)
    territory = Territory(args.territory, config.territory.system, config.territory.edition)
    now_us = SystemClock().wall_us()
    told = {"level": args.level, "auto_accept": bool(args.auto_accept)}
    with (
        open_admissions(config.folder) as (files, admissions),
        left(config.data_dir, "token_create", territory.code, at_us=now_us, detail=told),
    ):
        token, expires_us = admissions.create_token(
            ca_sha256=files.ca_sha256(),
            level=Level.from_word(args.level),
            territory=territory,
            ttl_s=duration_s(args.ttl),
            auto_accept=args.auto_accept,
            now_us=now_us,
        )
    if args.json:
        print_json({"token": str(token), "expires_us": expires_us, "ca_sha256": token.ca_sha256, "join_address": config.links.join_listen})
        return EXIT_OK
    print_line(str(token))
    talk(text("cli.token_use", args.language, address=config.links.join_listen or "HOST:PORT", expires=moment_text(expires_us)))
    return EXIT_OK


VERB = Verb("token", "cli.help_token", add_arguments, run)
