"""The list of cameras beside node.toml: what it takes, what it refuses, and how it reads back."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.cameras.credentials import CREDENTIALS_NAME, Credentials, read_credentials
from node.cameras.errors import CameraRefused, CameraUnknown
from node.cameras.list_file import LIST_NAME
from node.cameras.listing import CameraList, camera_specs
from node.config.config import load_config
from node.config.errors import ConfigError
from node.config.model import CameraEntry, RuleEntry
from tests.node.cameras.folder import CODE, GATE, made

NORTH = CameraEntry(
    id="north-1", name='北"门', kind="rtsp", source="rtsp://10.0.0.9/live", algorithm="motion-object", analysed_fps=2.5, code=CODE,
    rule=[RuleEntry(name="door", kind="zone", points=[(0.1, 0.1), (0.9, 0.1), (0.5, 0.9)], classes=["person-sized"])],
)  # fmt: skip


def test_a_camera_reads_back_as_entered_beside_those_of_node_toml(tmp_path: Path) -> None:
    listed = CameraList(made(tmp_path, GATE))
    assert listed.put(NORTH, Credentials("admin", "p@ss/word"))
    listed.save()
    config = load_config(tmp_path / "node.toml")
    assert [camera.id for camera in config.cameras] == ["gate-1", "north-1"]
    assert config.cameras[1] == NORTH
    assert not CameraList(config).put(NORTH, None)


def test_the_worker_gets_address_login_and_national_code(tmp_path: Path) -> None:
    listed = CameraList(made(tmp_path))
    listed.put(NORTH, Credentials("admin", "p@ss/word"))
    listed.save()
    (spec,) = camera_specs(load_config(tmp_path / "node.toml"))
    assert spec.source == "rtsp://admin:p%40ss%2Fword@10.0.0.9/live"
    assert (spec.code, spec.territory, len(spec.rules)) == (CODE, "370202001", 1)


def test_a_password_stands_in_one_file_alone(tmp_path: Path) -> None:
    listed = CameraList(made(tmp_path))
    listed.put(NORTH, Credentials("admin", "hidden-word"))
    listed.save()
    found = [path.name for path in tmp_path.rglob("*") if path.is_file() and b"hidden-word" in path.read_bytes()]
    assert found == [CREDENTIALS_NAME]
    assert "hidden-word" not in repr(camera_specs(load_config(tmp_path / "node.toml")))


def test_a_camera_that_is_taken_out_takes_its_login_with_it(tmp_path: Path) -> None:
    listed = CameraList(made(tmp_path))
    listed.put(NORTH, Credentials("admin", "x"))
    listed.save()
    again = CameraList(load_config(tmp_path / "node.toml"))
    again.remove("north-1")
    again.save()
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
    listed = CameraList(made(tmp_path))
    listed.put(NORTH, None)
    listed.save()
    before = (tmp_path / LIST_NAME).read_bytes()
    listed.put(CameraEntry(id="south-1", kind="file", source="", algorithm="x"), None)
    with pytest.raises(ConfigError, match="no source"):
        listed.save()
    assert (tmp_path / LIST_NAME).read_bytes() == before
