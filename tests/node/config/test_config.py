"""node.toml: what it accepts, and that each refusal has file, line and a way out."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, get_args, get_origin, get_type_hints

import msgspec
import pytest

from node.config.config import ConfigError, load_config, parse_config, set_parent
from node.config.model import File
from node.config.template import render_config, write_config
from sync.model import DEFAULT_LIMITS, Level, Territory

STREET = '[node]\nid = "badaguan"\nlevel = "street"\nterritory = "370202006"\n'
CAMERA = '[[camera]]\nid = "gate-1"\nkind = "file"\nsource = "a.mp4"\nalgorithm = "street-s"\n'
RULE = '[[camera.rule]]\nname = "r"\nkind = "zone"\npoints = [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]\n'
GROUND = "[camera.ground]\npicture = [[0.4, 0.3], [0.6, 0.3], [0.9, 0.9], [0.1, 0.9]]\n"
DOCS = Path(__file__).parents[3] / "docs" / "config.md"


def problem_of(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, Path("node.toml"))
    return str(caught.value)


def test_smallest_file_is_a_node_with_defaults(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    path.write_text(STREET)
    config = load_config(path)
    assert (config.level, config.territory) == (Level.STREET, Territory("370202006"))
    assert config.devices.listen == ["127.0.0.1:1883"]
    assert (config.limits, config.data_dir, config.cameras) == (DEFAULT_LIMITS, tmp_path.resolve(), ())


def test_unknown_key_is_refused_with_the_nearest_one_file_and_line() -> None:
    assert problem_of(STREET + '[links]\nlisten = "127.0.0.1:0"\njoin_lisen = "127.0.0.1:0"\n') == (
        "node.toml:7: unknown key 'links.join_lisen': did you mean 'join_listen'?"
    )


def test_key_like_no_other_is_refused_with_the_list() -> None:
    assert "known here are id, level, territory" in problem_of(STREET + "zzz = 1\n")


def test_wrong_type_is_refused_with_file_and_line() -> None:
    assert problem_of(STREET + "[devices]\nanonymous = 'yes'\n") == (
        "node.toml:6: 'devices.anonymous' = 'yes' refused: it must be true or false, not text"
    )


def test_all_problems_are_reported_at_once_in_line_order() -> None:
    lines = problem_of('[node]\nid = 5\nlevel = "street"\nteritory = "37"\n[store]\ndri = "."\n').splitlines()
    assert [line.split(":")[1] for line in lines] == ["1", "2", "4", "6"]
    assert "'node.territory' is missing" in lines[0]


def test_problem_in_the_second_camera_has_that_cameras_line() -> None:
    text = STREET + CAMERA + CAMERA.replace("gate-1", "gate-2") + "analysed_fps = 0\n"
    assert problem_of(text).startswith("node.toml:15: 'camera.analysed_fps' = 0 refused: it must be above 0")


def test_problem_in_a_rule_has_its_line() -> None:
    rule = '[[camera.rule]]\nname = "r"\nkind = "zone"\npoints = [[0, 0], [1.5, 1], [0, 1]]\n'
    message = problem_of(STREET + CAMERA + rule)
    assert message.startswith("node.toml:13: 'camera.rule.points'")
    assert message.endswith("its [1][0] must be at most 1")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (STREET + '[policy]\nresources = ["A B"]\n', "resource 'A B' refused"),
        (STREET.replace('"street"', '"municipal"') + '[policy]\nslices = "on"\n', "'on' refused at level municipal"),
        (STREET.replace("street", "grid") + '[links]\nlisten = "0.0.0.0:1"\n', "a grid node opens no listening socket on the node plane"),
        ('[node]\nid="p1"\nlevel="provincial"\nterritory="37"\n[parent]\naddress="a:1"\n', "has no parent"),
        (STREET.replace("badaguan", "Bad_id"), "node.toml:2: node id 'Bad_id' refused"),
        (STREET.replace("street", "village"), "node.toml:3: level 'village' is not one of"),
        (STREET.replace("370202006", "3702020"), "node.toml:4: territory '3702020' refused"),
        (STREET + '[devices]\nlisten = ["1883"]\n', "'1883' is not host:port"),
        (STREET + '[links]\nfresh_first = ["bulk", "state"]\n', "lane 'state' is never put off: name event, bulk, blob or a resource"),
        (STREET + '[links]\nfresh_first = ["Air"]\n', "resource 'Air' refused"),
        (STREET + '[devices]\ntls_key = "k"\n', "go together"),
        (STREET + '[devices]\nmosquitto = [{url = "http://x", topics = ["#"]}]\n', "mqtts://host:port"),
        (STREET + '[[sensors.limits]]\nresource="air"\nlow=nan\n', "must be finite"),
        (STREET + '[[sensors.limits]]\nresource="air"\nlow=1\nhigh=5\nhysteresis=2\n', "leave no room"),
        (STREET + '[[sensors.groups]]\nresource="air"\nname="g"\nmembers=["a/x", "b"]\n', "write device/quantity"),
        (STREET + '[[sensors.groups]]\nresource="air"\nname="g"\nmembers=["a/x", "a/x"]\n', "in one group, and once"),
        (STREET + '[[devices.profiles]]\ntopic="a"\nresource="Air"\nformat="json"\n', "resource 'Air' refused"),
        (STREET + '[[devices.profiles]]\ntopic="a"\nresource="air"\nformat="json"\nterritory="370203001"\n', "is not inside this node's"),
        (STREET + "[limits]\nframe_bytes_mx = 1\n", "node.toml:6: unknown key 'limits.frame_bytes_mx': did you mean 'frame_bytes_max'?"),
        (STREET + "[limits]\nframe_bytes_max = 1.5\n", "a whole number above 0 is needed"),
        (STREET + "[limits]\nprogress_timeout_s = nan\n", "a number above 0 is needed"),
        (STREET + CAMERA + CAMERA, "camera id 'gate-1' is used twice"),
        (STREET + CAMERA.replace('source = "a.mp4"\n', ""), "has no source"),
        (STREET + CAMERA.replace('source = "a.mp4"\n', "").replace('"file"', '"rendered"'), "has no source"),
        (STREET + CAMERA + RULE + RULE, "node.toml:5: camera 'gate-1' has two rules of one name"),
        (STREET + CAMERA + RULE + "level_max = inf\n", "'camera.rule.level_max' = inf refused: a number must be finite"),
        (STREET + CAMERA + RULE + "way = [nan, 1]\n", "'camera.rule.way' = [nan, 1] refused: a number must be finite"),
        (STREET + CAMERA + GROUND + "metres = [[0, 40], [8, 40], [8, 0], [nan, 0]]\n", "refused: a number must be finite"),
        (STREET + CAMERA + RULE * 65, "'camera.rule' has 65 entries: at most 64"),
        (STREET + CAMERA * 257, "'camera' has 257 entries: at most 256"),
        (STREET + CAMERA + 'territory = "3702020060010019"\n', "a code has 2, 4, 6, 9, 12, 15 digits"),
        (STREET + CAMERA + '[[camera.rule]]\nname="z"\nkind="zone"\npoints=[[0,0],[1,1]]\n', "a zone needs at least 3"),
        (STREET + CAMERA + '[[camera.rule]]\nname="l"\nkind="line"\npoints=[[0,0],[1,1],[1,0]]\n', "a line has 2"),
        ("[node\n", "node.toml:1: is not TOML"),
        ("node = 3\n", "node must be a table"),
    ],
)
def test_impossible_value_is_refused_with_the_way_out(text: str, expected: str) -> None:
    assert expected in problem_of(text)


def test_missing_folder_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="yunnao init"):
        load_config(tmp_path / "node.toml")


def test_file_that_is_not_utf8_or_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(path)
    path.write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(ConfigError, match="larger than"):
        load_config(path)


@pytest.mark.parametrize("level", list(Level))
def test_template_of_every_level_loads_and_is_never_overwritten(tmp_path: Path, level: Level) -> None:
    text = render_config(node="n1", level=level, territory=Territory("37"), name='quo"te\n城', listen="127.0.0.1:0")
    path = tmp_path / "d" / "node.toml"
    write_config(path, text)
    assert load_config(path).node.name == 'quo"te\n城'
    with pytest.raises(ConfigError, match="never overwritten"):
        write_config(path, text)


def test_limits_and_paths_follow_the_file(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    path.write_text(STREET + "[limits]\nheartbeat_s = 5\n[store]\ndir = 'data'\n")
    config = load_config(path)
    assert config.limits.heartbeat_s == 5
    assert config.data_dir == (tmp_path / "data").resolve()


def test_join_writes_the_parent_and_leaves_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    before = render_config(node="n1", level=Level.STREET, territory=Territory("370202006"))
    path.write_text(before)
    set_parent(path, address="h:1", join_address="h:2")
    set_parent(path, address="h:3", join_address="h:4")
    assert (load_config(path).parent.address, load_config(path).parent.join_address) == ("h:3", "h:4")
    assert path.read_text().replace('"h:3"', '""').replace('"h:4"', '""').splitlines()[:8] == before.splitlines()[:8]
    path.write_text(STREET)
    set_parent(path, address="h:1", join_address="h:2")
    assert load_config(path).parent.address == "h:1"


def test_a_power_cut_while_the_parent_is_written_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "node.toml"
    path.write_text(STREET)
    path.chmod(0o640)

    def cut(handle: int) -> None:
        raise OSError(errno.EIO, "the power is gone")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", cut)
        with pytest.raises(OSError, match="the power is gone"):
            set_parent(path, address="h:1", join_address="h:2")
    assert path.read_text() == STREET
    set_parent(path, address="h:1", join_address="h:2")
    assert path.stat().st_mode & 0o777 == 0o640


def keys_of(struct: type[msgspec.Struct], prefix: str = "") -> Iterator[str]:
    """Every key of a struct with its table, as docs/config.md writes it."""
    for name, hint in get_type_hints(struct, include_extras=True).items():
        inner = get_args(hint)[0] if get_origin(hint) is Annotated else hint
        item = get_args(inner)[0] if get_origin(inner) is list else inner
        if isinstance(item, type) and issubclass(item, msgspec.Struct):
            yield from keys_of(item, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def test_docs_explain_every_key() -> None:
    words = DOCS.read_text("utf-8")
    assert [key for key in keys_of(File) if f"`{key}`" not in words] == []
    assert [name for name in DEFAULT_LIMITS.__dataclass_fields__ if f"`{name}`" not in words] == []


@pytest.mark.parametrize(
    ("kind", "source", "words"),
    [
        ("rtsp", "rtsp://admin:1#hidden@h/x", "address|special characters"),
        ("rtsp", "rtsp://10.1.2/x", "four numbers"),
        ("rtsp", "rtsps://h/x", "TLS"),
        ("rtsp", "http://h/x", "no address that can be opened"),
        ("rtsp", "a.mp4", "of kind 'file'"),
        ("file", "concat:/etc/passwd", "no address that can be opened"),
        ("file", "rtsp://h/hidden", "of kind 'rtsp'"),
        ("v4l2", "a.mp4", "of kind 'file'"),
        ("rendered", "rtsp://h/hidden", "a rendered scene is a file"),
        ("rendered", "/dev/video0", "a rendered scene is a file"),
    ],
)
def test_an_address_that_the_verb_would_refuse_is_refused_in_a_file_too(kind: str, source: str, words: str) -> None:
    message = problem_of(f'{STREET}[[camera]]\nid = "gate-1"\nkind = "{kind}"\nsource = "{source}"\nalgorithm = "motion-object"\n')
    assert message.startswith("node.toml:8: source of camera 'gate-1' refused: ")
    assert re.search(words, message)
    assert "hidden" not in message


@pytest.mark.parametrize(("line", "words"), [('name = "a\\u001b[2J"', "not seen"), ('place = "a\\nb"', "not seen")])
def test_words_of_a_camera_that_a_screen_would_obey_are_refused(line: str, words: str) -> None:
    assert words in problem_of(f"{STREET}{CAMERA}{line}\n")


@pytest.mark.parametrize(("name", "words"), [("", "has no name"), ("  ", "has no name"), ("a\\u001bb", "not seen")])
def test_a_rule_has_a_name_that_can_be_shown(name: str, words: str) -> None:
    rule = f'[[camera.rule]]\nname = "{name}"\nkind = "line"\npoints = [[0, 0], [1, 1]]\n'
    assert words in problem_of(STREET + CAMERA + rule)
