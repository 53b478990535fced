"""`yunnao model` as a person uses it: from a file to live, to another node, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_ai.models.library import Library
from edge_ai.models.package import MODEL, write_package
from node.algorithms import shelf
from node.algorithms.parcel import write_parcel
from node.algorithms.shelf import Shelf
from node.cli import main
from node.clock import SystemClock
from node.config.config import load_config
from node.errors import EXIT_NEGATIVE, EXIT_OK, EXIT_REFUSED, EXIT_USAGE
from tests.edge_ai.models.made import add, grey_picture, package, seeing, written
from tests.edge_ai.replay import DATA, needs_data


def said(capsys: pytest.CaptureFixture[str], folder: Path, *words: object) -> tuple[int, str, str]:
    """Exit code, results and remarks of `yunnao --lang en model ...`."""
    code = main(["--lang", "en", "--dir", str(folder), "model", *map(str, words)])
    out, remarks = capsys.readouterr()
    return code, out, remarks


def listed(capsys: pytest.CaptureFixture[str], folder: Path) -> Any:
    """Version and state of everything in the library."""
    return [(row["id"], row["version"], row["state"]) for row in json.loads(said(capsys, folder, "list", "--json")[1])["models"]]


def node(folder: Path, capsys: pytest.CaptureFixture[str], name: str = "n1") -> Path:
    assert main(["--dir", str(folder / name), "init", "--id", name, "--level", "provincial", "--territory", "37"]) == EXIT_OK
    capsys.readouterr()
    return folder / name


def options(folder: Path) -> list[object]:
    picture = grey_picture(folder)
    return ["--family", "yolox", "--classes", "person", "--golden", picture, "--licence", "Apache-2.0", "--id", "yard"]


@pytest.mark.slow
def test_one_command_brings_a_file_to_live_and_the_next_version_into_shadow(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = node(tmp_path, capsys)
    code, out, _ = said(capsys, folder, "import", written(seeing(), tmp_path / "Yard 1.onnx"), *options(tmp_path))
    assert code == EXIT_OK
    assert 'yard 1 is live: cameras with algorithm = "yard" use it' in out
    assert "person 0.90" in out
    code, out, _ = said(capsys, folder, "import", written(seeing(score=0.8), tmp_path / "b.onnx"), *options(tmp_path), "--version", 2)
    assert code == EXIT_OK
    assert "yard 2 looks beside 1" in out
    assert listed(capsys, folder) == [("yard", "1", "live"), ("yard", "2", "shadow")]
    parcel = tmp_path / "yard.package.tar"
    assert said(capsys, folder, "export", "yard", 1, parcel)[0] == EXIT_OK
    code, _, remarks = said(capsys, node(tmp_path, capsys, "n2"), "import", parcel)
    assert code == EXIT_REFUSED
    assert "does not end at our provincial root" in remarks
    assert said(capsys, folder, "test", "yard", 1)[0] == EXIT_OK


def held(folder: Path) -> Library:
    """Two versions whose models nobody loads, the first one live."""
    library = Library(folder / "models")
    for version in ("1", "2"):
        add(library, version)
    library.activate("yard", "1", at_us=1)
    return library


def test_versions_without_a_signature_of_this_province_never_go_live(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = node(tmp_path, capsys)
    held(folder)
    for word in ("activate", "shadow"):
        code, _, remarks = said(capsys, folder, word, "yard", 2)
        assert code == EXIT_REFUSED
        assert "package yard 2 refused" in remarks
    assert ("yard", "1", "live") in listed(capsys, folder)


def test_way_back_names_who_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = node(tmp_path, capsys)
    held(folder).activate("yard", "2", at_us=2)
    code, out, _ = said(capsys, folder, "rollback", "yard", "--why", "it sees ghosts", "--by", "Li")
    assert (code, out) == (EXIT_OK, "yard 1 is live again\n")
    assert "taken back  2        Li   it sees ghosts" in said(capsys, folder, "show", "yard")[1]
    assert said(capsys, folder, "rollback", "yard")[0] == EXIT_REFUSED
    assert said(capsys, folder, "remove", "yard", 2)[0] == EXIT_OK
    assert said(capsys, folder, "remove", "yard", 1)[0] == EXIT_REFUSED


@pytest.mark.parametrize(
    ("words", "code", "remark"),
    [
        (["show", "nothing"], EXIT_REFUSED, "algorithm nothing is not here"),
        (["show", "../.."], EXIT_REFUSED, "algorithm ../.. is not here"),
        (["activate", "yard", "../2"], EXIT_REFUSED, "algorithm yard ../2 is not here"),
        (["import", "nowhere.onnx"], EXIT_USAGE, "give --family"),
        (["import", "nowhere.tar"], EXIT_REFUSED, "nowhere.tar is no package"),
    ],
)
def test_wrong_words_are_refused_in_one_line(
    words: list[str], code: int, remark: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found, _, remarks = said(capsys, node(tmp_path, capsys), *words)
    assert found == code
    assert remark in remarks
    assert remarks.count("\n") == 1


@pytest.mark.parametrize(
    ("more", "remark"),
    [
        (["--id", "motion-object"], "algorithm motion-object ships with the node"),
        (["--id", "Big Name"], "id 'Big Name' must be 1 to 64 small letters"),
        (["--version", "../2"], "version '../2' must be 1 to 32 letters"),
        (["--classes", "a,a"], "two alike"),
        (["--score-min", "7"], "--score-min and --overlap-max lie between 0 and 1"),
        (["--size", "big"], "--size 'big' is not HEIGHTxWIDTH"),
        (["--mean", "1,2"], "'1,2' is not three numbers"),
        (["--priors", "8;9"], "--priors '8' is not STRIDE:SIZE"),
        (["--divisor", "0,1,1"], "a divisor of the input is 0"),
        (["--golden", "nowhere.jpg"], "nowhere.jpg is not a file"),
    ],
)
def test_wrong_options_are_refused_before_anything_runs(
    more: list[str], remark: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = written(seeing(), tmp_path / "a.onnx")
    folder = node(tmp_path, capsys)
    code, _, remarks = said(capsys, folder, "import", model, *options(tmp_path), *more)
    assert code in (EXIT_USAGE, EXIT_REFUSED)
    assert remark in remarks


def test_refused_files_are_counted_and_the_newest_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = node(tmp_path, capsys)
    (tmp_path / "strange.tar").write_bytes(b"x" * 900)
    for _ in range(3):
        assert said(capsys, folder, "import", tmp_path / "strange.tar")[0] == EXIT_REFUSED
    assert "3 files were not taken; the newest, strange.tar: strange.tar is no package" in said(capsys, folder, "list")[2]


def test_damaged_package_is_named_in_the_list_and_the_others_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = node(tmp_path, capsys)
    library = held(folder)
    (library.root / "yard" / "1" / MODEL).write_bytes(b"damaged")
    assert len(listed(capsys, folder)) == 2
    code, _, remarks = said(capsys, folder, "test", "yard", 1)
    assert code == EXIT_REFUSED
    assert "model.onnx is not what its card says" in remarks
    assert said(capsys, folder, "shadow", "yard", "2", "--wait", "0.1")[0] in (EXIT_REFUSED, EXIT_NEGATIVE)


@needs_data
@pytest.mark.slow
def test_real_third_party_file_goes_live(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, crowd = node(tmp_path, capsys), DATA / "video" / "images" / "crowd.jpg"
    more = ["--family", "rfb-face", "--classes", "face", "--golden", crowd, "--licence", "MIT", "--score-min", "0.7", "--id", "faces"]
    code, out, _ = said(capsys, folder, "import", DATA / "models" / "version-RFB-320.onnx", *more, "--json")
    assert code == EXIT_OK
    told = json.loads(out)
    assert (told["live"], told["opset"], told["weights_taken_out"], len(told["seen"]["01.jpg"])) == ("1", 9, 244, 3)


def test_file_whose_name_gives_no_id_is_told_to_name_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, words = written(seeing(), tmp_path / "模型.onnx"), options(tmp_path)[:-2]
    code, _, remarks = said(capsys, node(tmp_path, capsys), "import", model, *words)
    assert (code, "give --id" in remarks) == (EXIT_USAGE, True)


def test_package_is_kept_only_after_its_golden_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that ends during the run must leave nothing that a person could make live."""
    here = Shelf(load_config(node(tmp_path, capsys) / "node.toml"), SystemClock())
    card, files = package()
    write_package(tmp_path / "made" / "1", files, card, here.seal.sign(card))
    write_parcel(tmp_path / "made" / "1", tmp_path / "yard.tar")

    def killed(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shelf, "run_again", killed)
    with pytest.raises(KeyboardInterrupt):
        here.add_parcel(tmp_path / "yard.tar", lambda step: None, by="li")
    assert here.library.versions("yard") == ()
