"""The list of cameras beside node.toml: what it takes, what it refuses, and how it reads back."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from msgspec.structs import replace

from node.cameras.credentials import CREDENTIALS_NAME, Credentials, read_credentials
from node.cameras.errors import CameraRefused, CameraUnknown
from node.cameras.list_file import LIST_NAME
from node.cameras.listing import LOCK_NAME, CameraList, camera_specs, held_list
from node.config.config import load_config
from node.config.errors import ConfigError
from node.config.model import CameraEntry, RuleEntry
from tests.node.cameras.folder import CODE, GATE, entered, made

NORTH = CameraEntry(
    id="north-1", name='北"门', kind="rtsp", source="rtsp://10.0.0.9/live", algorithm="motion-object", analysed_fps=2.5, code=CODE,
    rule=[RuleEntry(name="door", kind="zone", points=[(0.1, 0.1), (0.9, 0.1), (0.5, 0.9)], classes=["person-sized"])],
)  # fmt: skip


def test_a_camera_reads_back_as_entered_beside_those_of_node_toml(tmp_path: Path) -> None:
    made(tmp_path, GATE)
    config = entered(tmp_path, NORTH, credentials=Credentials("admin", "p@ss/word"))
    assert [camera.id for camera in config.cameras] == ["gate-1", "north-1"]
    assert config.cameras[1] == NORTH
    assert not CameraList(config).put(NORTH, None)


def test_the_worker_gets_address_login_and_national_code(tmp_path: Path) -> None:
    made(tmp_path)
    (spec,) = camera_specs(entered(tmp_path, NORTH, credentials=Credentials("admin", "p@ss/word")))
    assert spec.source == "rtsp://admin:p%40ss%2Fword@10.0.0.9/live"
    assert (spec.code, spec.territory, len(spec.rules)) == (CODE, "370202001", 1)


def test_a_password_stands_in_one_file_alone(tmp_path: Path) -> None:
    made(tmp_path)
    entered(tmp_path, NORTH, credentials=Credentials("admin", "hidden-word"))
    found = [path.name for path in tmp_path.rglob("*") if path.is_file() and b"hidden-word" in path.read_bytes()]
    assert found == [CREDENTIALS_NAME]
    assert "hidden-word" not in repr(camera_specs(load_config(tmp_path / "node.toml")))


def test_a_camera_that_is_taken_out_takes_its_login_with_it(tmp_path: Path) -> None:
    made(tmp_path)
    entered(tmp_path, NORTH, credentials=Credentials("admin", "x"))
    with held_list(tmp_path / "node.toml", "test") as listed:
        listed.remove("north-1")
        listed.save()
    assert load_config(tmp_path / "node.toml").cameras == ()
    assert read_credentials(tmp_path) == {}


def test_cameras_of_node_toml_are_changed_there(tmp_path: Path) -> None:
    listed = CameraList(made(tmp_path, GATE))
    with pytest.raises(CameraRefused, match=r"stands in node\.toml"):
        listed.remove("gate-1")
    with pytest.raises(CameraUnknown, match="camera list"):
        listed.remove("nobody")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[camera]]\nid = "gate-1"\nkind = "file"\nsource = "b"\nalgorithm = "x"\n', "used twice"),
        ('[[camera]]\nid = "b1"\nkind = "file"\nsource = "b"\nalgorithm = "x"\nterritory = "11"\n', "not inside"),
        ('[[camera]]\nid = "b1"\nkind = "file"\nsource = "b"\nalgorithm = "x"\ncode = "37020200001180000001"\n', "no camera"),
        ('[[camera]]\nid = "b1"\nkind = "file"\nsuorce = "b"\nalgorithm = "x"\n', "did you mean 'source'"),
        ("[[camera", "no list of cameras"),
    ],
)
def test_a_list_that_could_not_stand_in_node_toml_is_refused_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    made(tmp_path, GATE)
    (tmp_path / LIST_NAME).write_text(text)
    with pytest.raises(ConfigError, match=words) as refused:
        load_config(tmp_path / "node.toml")
    assert LIST_NAME in str(refused.value)


def test_a_change_that_cannot_be_read_back_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    made(tmp_path)
    entered(tmp_path, NORTH)
    before = (tmp_path / LIST_NAME).read_bytes()
    with pytest.raises(CameraRefused, match="no source"):
        entered(tmp_path, CameraEntry(id="south-1", kind="file", source="", algorithm="x"))
    assert (tmp_path / LIST_NAME).read_bytes() == before


def test_a_refused_change_names_the_camera_and_no_line_of_a_file_that_is_not_written(tmp_path: Path) -> None:
    made(tmp_path)
    with pytest.raises(CameraRefused) as refused:
        entered(tmp_path, replace(NORTH, territory="330106001"))
    assert str(refused.value) == "camera 'north-1': territory '330106001' is not inside this node's '370202001': correct one of the two"


def test_two_cameras_of_one_code_are_refused_with_both_names(tmp_path: Path) -> None:
    made(tmp_path, GATE + f'code = "{CODE}"\n')
    entered(tmp_path)
    for other in (NORTH, replace(NORTH, source="b.mp4", kind="file")):
        with pytest.raises(CameraRefused, match=f"cameras 'gate-1' and 'north-1' have one national code, {CODE}, and two addresses"):
            entered(tmp_path, other)
    assert load_config(tmp_path / "node.toml").listed == ()


def test_two_entries_of_one_camera_have_one_code(tmp_path: Path) -> None:
    made(tmp_path)
    second = replace(NORTH, id="north-1-fire", source="rtsp://u:p@10.0.0.9/live", algorithm="fire-smoke")
    assert len(entered(tmp_path, NORTH, second).cameras) == 2


def test_a_list_edited_by_hand_is_asked_about_its_codes_too(tmp_path: Path) -> None:
    made(tmp_path)
    camera = f'[[camera]]\nid = "ID"\nkind = "file"\nsource = "ID.mp4"\nalgorithm = "x"\ncode = "{CODE}"\n'
    (tmp_path / LIST_NAME).write_text(camera.replace("ID", "a") + camera.replace("ID", "b"))
    with pytest.raises(ConfigError, match=r"cameras\.toml:12: cameras 'a' and 'b' have one national code"):
        load_config(tmp_path / "node.toml")


DIES = """
import sys
from pathlib import Path
from node.file_lock import file_lock
with file_lock(Path(sys.argv[1]), doing="camera import"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_two_writers_lose_neither_change(tmp_path: Path) -> None:
    """Each holds the list from reading to writing, so the later one begins from what the earlier one wrote."""
    made(tmp_path)
    names = [f"yard-{number}" for number in range(4)]
    with ThreadPoolExecutor(4) as writers:
        list(writers.map(lambda name: entered(tmp_path, replace(NORTH, id=name, code=""), credentials=Credentials(name, "x")), names))
    assert sorted(camera.id for camera in load_config(tmp_path / "node.toml").listed) == names
    assert sorted(read_credentials(tmp_path)) == names


def test_a_list_that_is_being_changed_says_by_whom(tmp_path: Path) -> None:
    made(tmp_path)
    with held_list(tmp_path / "node.toml", "camera import"):
        words = rf"is being changed by process {os.getpid()} \(camera import\): nothing was changed here"
        with pytest.raises(CameraRefused, match=words), held_list(tmp_path / "node.toml", "rule change", wait_s=0.0):
            pass
    assert entered(tmp_path, NORTH).listed == (NORTH,)


@pytest.mark.slow
def test_a_writer_that_died_leaves_no_lock_behind(tmp_path: Path) -> None:
    config = made(tmp_path)
    with subprocess.Popen([sys.executable, "-c", DIES, str(tmp_path / LOCK_NAME)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"held\n"
        with pytest.raises(CameraRefused, match=f"by process {writer.pid} "), held_list(config.path, "x", wait_s=0.0):
            pass
        writer.kill()
    assert entered(tmp_path, NORTH).listed == (NORTH,)


def test_a_folder_without_a_node_gets_no_lock_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="yunnao init"), held_list(tmp_path / "node.toml", "camera add"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_cannot_be_had_is_named(tmp_path: Path) -> None:
    made(tmp_path)
    (tmp_path / LOCK_NAME).mkdir()
    with pytest.raises(CameraRefused, match=r"cameras\.lock cannot be opened \(Is a directory\)"):
        entered(tmp_path, NORTH)
