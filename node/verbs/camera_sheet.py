"""`yunnao camera import`: cameras from sheets. All rows are good, or nothing is taken, unless bad rows are to be left out."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from edge_ai.models.library import Library
from node.algorithms.grading import absent, knows_only_rendered
from node.algorithms.shelf import FOLDER
from node.cameras.errors import CameraError
from node.cameras.list_sheet import LIST_FORM, entered
from node.cameras.listing import CameraList, held_list
from node.catalogue.errors import Problem
from node.catalogue.lines import Line, Read, read_lines
from node.config.config import CONFIG_NAME
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.verbs.camera_password import asked_password
from node.verbs.folder import read_config
from node.verbs.output import print_json, print_line, talk
from node.verbs.sheet_problems import print_problems

Kept = TypeVar("Kept")
Noted = Callable[[CameraList, str, list[str]], AbstractContextManager[None]]


@dataclass(slots=True)
class Change:
    """What an import comes to, on a list that is not stored yet."""

    listed: CameraList
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    same: int = 0
    problems: list[Problem] = field(default_factory=list)

    def take(self, line: Line, head: str) -> None:
        """Enter one row, or note why not."""
        camera, listed = str(line.values["id"]), self.listed
        before, login = listed.cameras.get(camera), listed.credentials.get(camera)
        try:
            before = listed.before(camera)
            found = entered(line.values, before)
            is_new = listed.put(found.entry, found.credentials)
            listed.check([found.entry])
        except CameraError as error:
            _put_back(listed.cameras, camera, before)
            _put_back(listed.credentials, camera, login)
            self.problems.append(Problem(line.sheet, line.row, head, camera, str(error)))
            return
        if not is_new:
            self.same += 1
        else:
            (self.added if before is None else self.changed).append(camera)


def import_sheet(args: argparse.Namespace, noted: Noted, reloaded: Callable[[], str]) -> int:
    """Read the files and have them taken; 1 where rows were bad."""
    read = read_lines(args.files, LIST_FORM)
    for sheet, header in read.ignored:
        talk(text("device.import_ignored", args.language, sheet=sheet, header=header))
    for sheet in read.skipped:
        talk(text("device.import_skipped", args.language, sheet=sheet))
    password = asked_password(text("camera.password_ask_sheet", args.language)) if args.one_password else ""
    if args.dry_run:
        change = _change(read, CameraList(read_config(args.dir)), password)
        say_lost(change.listed, [*change.added, *change.changed], args.language)
        return _print(args, change, is_taken=False)
    with held_list(args.dir / CONFIG_NAME, "camera import") as listed:
        change = _change(read, listed, password)
        is_taken = bool(change.added or change.changed) and (not change.problems or args.skip_bad)
        if is_taken:
            with noted(listed, "import", [*change.added, *change.changed]):
                listed.save()
    say_lost(change.listed, [*change.added, *change.changed], args.language)
    if is_taken:
        talk(text(f"camera.taken_{reloaded()}", args.language))
    return _print(args, change, is_taken=is_taken)


def say_lost(listed: CameraList, cameras: Iterable[str], language: str) -> None:
    """Say which algorithms keep cameras lost that were entered: those not here yet, which may come from above, and those never for them."""
    library, entries = Library(listed.config.data_dir / FOLDER), [listed.cameras[camera] for camera in cameras]
    for algorithm in absent({entry.algorithm for entry in entries}, library):
        talk(text("camera.algorithm_absent", language, algorithm=algorithm))
    for algorithm in sorted({entry.algorithm for entry in entries if entry.kind != "rendered"}):
        if knows_only_rendered(algorithm, library):
            talk(text("camera.algorithm_rendered", language, algorithm=algorithm))


def _change(read: Read, listed: CameraList, password: str) -> Change:
    """What the rows come to; those that name a user and no password get the one that was asked for."""
    change = Change(listed, problems=list(read.problems))
    for line in read.lines:
        is_open = password and line.values.get("user") and "password" not in line.values
        change.take(replace(line, values={**line.values, "password": password}) if is_open else line, read.headers["id"])
    change.problems.sort(key=lambda problem: (problem.sheet, problem.row))
    return change


def _put_back(table: dict[str, Kept], name: str, before: Kept | None) -> None:
    if before is None:
        table.pop(name, None)
    else:
        table[name] = before


def _print(args: argparse.Namespace, change: Change, *, is_taken: bool) -> int:
    shown = [problem.encoded() for problem in change.problems]
    if args.json:
        counts = {"added": change.added, "changed": change.changed, "same": change.same, "problems": shown}
        print_json(counts | {"dry_run": args.dry_run, "taken": is_taken})
        return EXIT_NEGATIVE if shown else EXIT_OK
    print_problems(args.language, change.problems)
    is_refused = bool(shown) and not is_taken and not args.dry_run
    key = "import_refused" if is_refused else "import_dry" if args.dry_run else "import_done"
    rows = len({(problem.sheet, problem.row) for problem in change.problems})
    counted = {"added": len(change.added), "changed": len(change.changed), "same": change.same, "bad": len(shown), "rows": rows}
    print_line(text(f"device.{key}", args.language, **counted))
    return EXIT_NEGATIVE if shown else EXIT_OK
