"""What processes did to models by themselves is entered in the audit log once; what people did is noted by whoever did it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge_ai.models.library import Library
from node.algorithms.errors import AlgorithmRefused
from node.algorithms.following import LibraryFollower
from node.algorithms.shelf import BY_ITSELF, Shelf
from node.audit.entry import Detail, wanted
from node.audit.errors import AuditRefused
from node.audit.left import FOLDER
from node.audit.words import AuditKind
from node.config.config import load_config
from tests.edge_ai.models.made import UNSIGNED, package
from tests.node.identity.family import PROVINCE, StandingClock, make_node


@dataclass
class Log:
    """Takes entries as the audit log does, or none."""

    entries: list[tuple[str, str, Detail]] = field(default_factory=list)
    is_full: bool = False

    async def note(self, kind: AuditKind, subject: str, *, by: str, detail: Detail) -> int:
        if self.is_full:
            raise AuditRefused("the audit log takes no entry")
        wanted(kind, subject, by, detail)
        self.entries.append((subject, by, detail))
        return len(self.entries)


@dataclass
class Followed:
    """A library with two versions, and who follows it."""

    library: Library
    log: Log = field(default_factory=Log)
    taken_back: list[tuple[str, str]] = field(default_factory=list)

    def follower(self) -> LibraryFollower:
        return LibraryFollower(self.library, self.log, lambda id_, version, sha256: self.taken_back.append((id_, version)))

    def said(self) -> list[tuple[object, object]]:
        return [(detail["action"], detail["version"]) for _, _, detail in self.log.entries]


@pytest.fixture
def followed(tmp_path: Path) -> Followed:
    made = Followed(Library(tmp_path / "models"))
    for version in ("1", "2"):
        card, files = package(version, sha256="a" * 64)
        made.library.add(card, files, UNSIGNED, at_us=int(version), by="Li")
    made.library.activate("yard", "1", at_us=3, by="Li")
    return made


async def test_only_what_processes_did_is_entered_and_once(followed: Followed) -> None:
    follower = followed.follower()
    await follower.look()
    assert followed.log.entries == []
    followed.library.activate("yard", "2", at_us=4, why="in shadow for 100 pictures")
    followed.library.roll_back_if_live("yard", "2", at_us=5, why="it failed on 1 of 7 pictures")
    await follower.look()
    await follower.look()
    assert followed.said() == [("activated", "2"), ("rolled-back", "2")]
    subject, by, detail = followed.log.entries[-1]
    assert (subject, by, detail["live"]) == ("yard", BY_ITSELF, "1")
    assert detail["content"] == package("2", sha256="a" * 64)[0].content_sha256
    assert followed.taken_back == [("yard", "2")]


async def test_restart_enters_what_happened_meanwhile_and_nothing_twice(followed: Followed) -> None:
    followed.library.activate("yard", "2", at_us=4)
    await followed.follower().look()
    followed.library.confirm("yard", "2", at_us=5)
    await followed.follower().look()
    assert followed.said() == [("activated", "2"), ("confirmed", "2")]


async def test_what_the_log_does_not_take_is_entered_at_the_next_look(followed: Followed) -> None:
    follower = followed.follower()
    followed.library.activate("yard", "2", at_us=4)
    followed.log.is_full = True
    with pytest.raises(AuditRefused):
        await follower.look()
    followed.log.is_full = False
    await follower.look()
    assert followed.said() == [("activated", "2")]


async def test_person_who_goes_back_is_counted_and_not_entered_again(followed: Followed) -> None:
    followed.library.activate("yard", "2", at_us=4, by="Li")
    followed.library.roll_back("yard", at_us=5, why="ghosts", by="Li")
    await followed.follower().look()
    assert followed.log.entries == []
    assert followed.taken_back == [("yard", "2")]


def test_person_leaves_a_note_with_before_and_after_and_a_second_one_when_it_fails(tmp_path: Path) -> None:
    make_node(tmp_path, PROVINCE)
    folder = tmp_path / PROVINCE.node
    words = {"id": PROVINCE.node, "level": PROVINCE.level.word, "territory": PROVINCE.territory.code}
    (folder / "node.toml").write_text("[node]\n" + "".join(f'{key} = "{value}"\n' for key, value in words.items()), "utf-8")
    shelf = Shelf(load_config(folder / "node.toml"), StandingClock())
    for version in ("1", "2"):
        card, files = package(version)
        shelf.library.add(card, files, shelf.seal.sign(card), at_us=1)
    shelf.activate("yard", "1", by="Li")
    shelf.activate("yard", "2", by="Wang")
    shelf.roll_back("yard", by="Zhao", why="")
    with pytest.raises(AlgorithmRefused, match="no version to go back to"):
        shelf.roll_back("yard", by="Zhao", why="")
    notes = [json.loads(path.read_text()) for path in (folder / FOLDER).iterdir()]
    told = {(note["detail"]["action"], note["by"], note["detail"]["version"], note["detail"].get("live_before")) for note in notes}
    back = {("roll back", "Zhao", "1", "2"), ("roll back", "Zhao", "", "1")}
    assert told == {("activate", "Li", "1", None), ("activate", "Wang", "2", "1"), *back}
    second = next(note["detail"] for note in notes if note["by"] == "Wang")
    assert second["content"] == shelf.content("yard", "2")
    assert second["content_before"] == shelf.content("yard", "1")
    assert sum("refused" in note["detail"] for note in notes) == 1
