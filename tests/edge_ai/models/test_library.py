"""What a library keeps, what it refuses, and what a reader sees while it changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_ai.errors import AlgorithmError
from edge_ai.models import library as module
from edge_ai.models import room
from edge_ai.models.library import Library
from edge_ai.models.package import MODEL
from edge_ai.models.standing import HISTORY_MAX
from tests.edge_ai.models.made import UNSIGNED, add, package


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "models")


def test_package_is_kept_whole_and_a_second_time_is_no_error(library: Library) -> None:
    card = add(library)
    assert not library.add(card, package()[1], UNSIGNED, at_us=2)
    assert library.ids() == ["yard"]
    assert library.manifest("yard", "1").classes == ("person",)
    assert not list(library.root.rglob(".incoming*"))


def test_other_content_under_the_same_version_is_refused(library: Library) -> None:
    add(library)
    with pytest.raises(AlgorithmError, match="yard 1 is here with other content: give the new one another --version"):
        add(library, score_min=0.6)


def test_other_classes_under_one_id_are_refused_once_it_is_live(library: Library) -> None:
    add(library)
    library.activate("yard", "1", at_us=2)
    with pytest.raises(AlgorithmError, match="rules name classes, so give it another --id"):
        add(library, "2", classes=("person", "dog"))


def test_two_versions_stay_and_the_third_goes(library: Library) -> None:
    for version in ("1", "2", "3"):
        add(library, version)
        library.activate("yard", version, at_us=int(version))
        library.confirm("yard", version, at_us=int(version))
    assert library.versions("yard") == ("2", "3")
    assert (library.state("yard").live, library.state("yard").previous) == ("3", "2")


def test_version_that_has_not_proved_itself_is_no_way_back(library: Library) -> None:
    """Two new ones one after another: the last that proved itself stays, and is what comes back."""
    for version in ("1", "2", "3"):
        add(library, version)
        library.activate("yard", version, at_us=int(version))
    state = library.state("yard")
    assert (state.live, state.previous, state.watched) == ("3", "1", True)
    assert "1" in library.versions("yard")
    assert library.roll_back("yard", at_us=4, why="").live == "1"


def test_activating_what_the_watch_would_bring_back_ends_the_watch(library: Library) -> None:
    for version in ("1", "2", "1"):
        if version not in library.versions("yard"):
            add(library, version)
        library.activate("yard", version, at_us=2)
    state = library.state("yard")
    assert (state.live, state.previous, state.watched) == ("1", "", False)


def test_way_back_is_one_step_and_is_noted(library: Library) -> None:
    for version in ("1", "2"):
        add(library, version)
        library.activate("yard", version, at_us=2)
    assert library.roll_back("yard", at_us=3, why="it saw ghosts").live == "1"
    said = library.state("yard").history[-1]
    assert (said.what, said.version, said.why) == ("rolled-back", "2", "it saw ghosts")
    with pytest.raises(AlgorithmError, match="no version to go back to"):
        library.roll_back("yard", at_us=4, why="")


def test_taking_back_what_is_not_live_changes_nothing(library: Library) -> None:
    for version in ("1", "2"):
        add(library, version)
        library.activate("yard", version, at_us=2)
    assert library.roll_back_if_live("yard", "1", at_us=3, why="").live == "2"


def test_live_version_is_not_removed_by_accident(library: Library) -> None:
    add(library)
    library.activate("yard", "1", at_us=2)
    with pytest.raises(AlgorithmError, match="yard 1 is live: activate another version first"):
        library.remove("yard", "1", at_us=3)
    library.remove("yard", "1", at_us=3, even_live=True)
    assert library.ids() == []
    assert library.state("yard").live == ""


def test_shadow_needs_something_to_compare_with(library: Library) -> None:
    add(library)
    with pytest.raises(AlgorithmError, match="no other live version to compare 1 with"):
        library.shadow("yard", "1", at_us=2)


def test_changed_file_is_found_before_it_is_made_live(library: Library) -> None:
    add(library)
    (library.root / "yard" / "1" / MODEL).write_bytes(b"other")
    with pytest.raises(AlgorithmError, match=r"yard 1 refused: model\.onnx is not what its card says"):
        library.activate("yard", "1", at_us=2)


def test_file_that_is_not_on_the_card_is_refused(library: Library) -> None:
    add(library)
    (library.root / "yard" / "1" / "golden" / "extra.jpg").write_bytes(b"x")
    with pytest.raises(AlgorithmError, match=r"'golden/extra\.jpg' is not on its card"):
        library.checked("yard", "1")


def test_link_in_place_of_a_file_is_refused(library: Library, tmp_path: Path) -> None:
    add(library)
    path = library.root / "yard" / "1" / MODEL
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AlgorithmError, match=r"model\.onnx is not what its card says"):
        library.checked("yard", "1")


def test_half_copied_folder_is_no_version(library: Library) -> None:
    add(library)
    (library.root / "yard" / "2").mkdir()
    (library.root / "yard" / "2" / MODEL).write_bytes(b"half")
    assert library.versions("yard") == ("1",)
    with pytest.raises(AlgorithmError, match="yard 2 is not here: versions are 1"):
        library.activate("yard", "2", at_us=2)


def test_crash_while_a_package_is_written_leaves_none(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    add(library)

    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(AlgorithmError, match="No space left on device"):
        add(library, "2")
    monkeypatch.undo()
    assert library.versions("yard") == ("1",)
    assert sorted(path.name for path in (library.root / "yard").iterdir()) == ["1", "state.json"]


def test_library_has_an_end(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ALGORITHMS_MAX", 2)
    add(library, id="a")
    add(library, id="b")
    with pytest.raises(AlgorithmError, match="algorithm c refused: 2 are here, at most 2"):
        add(library, id="c")


def test_history_is_bounded(library: Library) -> None:
    add(library, "1")
    add(library, "2")
    for number in range(HISTORY_MAX):
        library.activate("yard", str(1 + number % 2), at_us=number)
    assert len(library.state("yard").history) == HISTORY_MAX


def test_damaged_state_is_named_with_the_way_out(library: Library) -> None:
    add(library)
    (library.root / "yard" / "state.json").write_text("{", "utf-8")
    with pytest.raises(AlgorithmError, match=r"state\.json is damaged .*remove it, then `yunnao model activate yard VERSION`"):
        library.state("yard")


def test_mark_changes_with_every_change_of_state(library: Library) -> None:
    marks = {library.state_mark("yard")}
    add(library)
    marks.add(library.state_mark("yard"))
    library.activate("yard", "1", at_us=2)
    marks.add(library.state_mark("yard"))
    assert len(marks) == 3


def test_a_trial_that_ended_is_counted_no_more(library: Library) -> None:
    add(library)
    assert library.begin_trial("yard", "1") == 0
    library.end_trial("yard", "1")
    assert list((library.root / "yard" / ".trials").iterdir()) == []


def test_package_over_the_bound_of_bytes_is_refused_with_the_way_out(library: Library) -> None:
    card, files = package()
    size = sum(len(data) for data in files.values())
    small = Library(library.root, bytes_max=size + 10)
    assert small.add(card, files, UNSIGNED, at_us=1)
    more, its_files = package("2")
    with pytest.raises(AlgorithmError, match=r"yard 2 refused: its \d+ bytes and the \d+ that are here are over \d+; `yunnao"):
        small.add(more, its_files, UNSIGNED, at_us=2)
    assert small.versions("yard") == ("1",)


def test_package_leaves_the_disk_its_floor(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "DISK_FLOOR_BYTES", 1 << 62)
    with pytest.raises(AlgorithmError, match=r"would leave \d+ on the disk, at least \d+ stay free"):
        add(library)
    assert library.versions("yard") == ()
