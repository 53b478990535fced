"""The page for the mouse: what it asks is checked as the verb checks it, saved whole, and nobody else can ask."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from node.cameras.list_file import LIST_NAME
from node.cameras.listing import CameraList, held_list
from node.cameras.zone_page import ZonePage
from node.config.config import CONFIG_NAME, load_config
from node.errors import NodeError
from node.loopback.http import Request, RequestRefused
from node.loopback.page import Page
from node.loopback.server import LoopbackServer
from tests.node.cameras.folder import GATE, made

LISTED = '[[camera]]\nid = "yard-1"\nkind = "file"\nsource = "a.mp4"\nalgorithm = "motion-object"\n'
RULE = '\n[[camera.rule]]\nname = "door"\nkind = "dwell"\ndwell_s = 7.0\npoints = [[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]]\n'
ZONE = [[0.1, 0.2], [0.5, 0.2], [0.5, 0.9]]


def taken() -> str:
    return "taken"


def page_of(
    folder: Path, camera: str = "yard-1", *, rules: str = "", breaks: bool = False, told: Callable[[], str] = taken
) -> ZonePage:
    made(folder, GATE)
    (folder / LIST_NAME).write_text(LISTED + rules, "utf-8")

    @contextmanager
    def changed() -> Iterator[CameraList]:
        with held_list(folder / CONFIG_NAME, "test", wait_s=0.0) as listed:
            yield listed
            if breaks:
                raise OSError(28, "No space left on device")
            listed.save()

    def page(known: dict[str, object]) -> Page:
        return Page("node.cameras", "zone.html", "en", {"title": camera, "words": {}, **known})

    return ZonePage(camera, b"jpeg", lambda: CameraList(load_config(folder / CONFIG_NAME)), changed, told, page)


async def post(page: ZonePage, path: str, **rule: object) -> dict[str, object]:
    body = msgspec.json.encode({"name": "door", "kind": "zone", "classes": [], "points": ZONE} | rule)
    reply = await page.answer(Request("POST", path, body))
    assert isinstance(reply.body, bytes)
    return msgspec.json.decode(reply.body, type=dict[str, object])


async def test_a_rule_is_checked_without_being_saved(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    said = await post(page, "check")
    assert said["toml"] == '[[camera.rule]]\nname = "door"\nkind = "zone"\npoints = [[0.1, 0.2], [0.5, 0.2], [0.5, 0.9]]\n'
    assert said["why"] == ""
    assert "door" not in (tmp_path / LIST_NAME).read_text("utf-8")


async def test_a_saved_rule_stands_in_the_list_as_it_was_shown(tmp_path: Path) -> None:
    said = await post(page_of(tmp_path), "save", classes=["vehicle-sized"])
    assert (said["why"], said["said"]) == ("", "taken")
    assert str(said["toml"]) in (tmp_path / LIST_NAME).read_text("utf-8")
    rules = load_config(tmp_path / CONFIG_NAME).cameras[-1].rule
    assert [(rule.name, rule.kind, rule.classes) for rule in rules] == [("door", "zone", ["vehicle-sized"])]


async def test_a_rule_that_is_drawn_again_keeps_its_other_options(tmp_path: Path) -> None:
    page = page_of(tmp_path, rules=RULE)
    await post(page, "save", kind="")
    rule = load_config(tmp_path / CONFIG_NAME).cameras[-1].rule[0]
    assert (rule.kind, rule.dwell_s, rule.points) == ("dwell", 7.0, [(0.1, 0.2), (0.5, 0.2), (0.5, 0.9)])


async def test_what_others_changed_meanwhile_stays(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    with (tmp_path / LIST_NAME).open("a", encoding="utf-8") as file:
        file.write(LISTED.replace("yard-1", "yard-2"))
    await post(page, "save")
    assert [camera.id for camera in load_config(tmp_path / CONFIG_NAME).cameras] == ["gate-1", "yard-1", "yard-2"]


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ({"points": ZONE[:2]}, "door"), ({"kind": "line"}, "line"), ({"kind": "juggling"}, "juggling"), ({"kind": ""}, "is new"),
        ({"name": " "}, "without a name"), ({"points": []}, "at least 2 entries"),
    ],
)  # fmt: skip
async def test_a_rule_that_cannot_be_is_refused_with_the_words_of_the_verb(tmp_path: Path, rule: dict[str, object], why: str) -> None:
    page = page_of(tmp_path)
    before = (tmp_path / LIST_NAME).read_bytes()
    for path in ("check", "save"):
        said = await post(page, path, **rule)
        assert said["why"]
        assert why in str(said["why"])
    assert (tmp_path / LIST_NAME).read_bytes() == before


async def test_a_camera_of_the_nodes_own_file_gives_the_text_to_paste(tmp_path: Path) -> None:
    said = await post(page_of(tmp_path, "gate-1"), "check")
    assert "[[camera.rule]]" in str(said["toml"])
    assert "node.toml" in str(said["why"])


async def test_a_full_disk_is_said_with_the_rule(tmp_path: Path) -> None:
    said = await post(page_of(tmp_path, breaks=True), "save")
    assert "No space left" in str(said["why"])
    assert said["toml"]


async def test_a_list_that_somebody_else_changes_is_said_with_the_rule(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    with held_list(tmp_path / CONFIG_NAME, "camera import"):
        said = await post(page, "save")
        assert (await post(page, "check"))["why"] == ""
    assert "is being changed by process" in str(said["why"])
    assert (await post(page, "save"))["why"] == ""


async def test_a_node_that_does_not_take_the_change_is_said_with_the_rule(tmp_path: Path) -> None:
    def refused() -> str:
        raise NodeError("the list of cameras cannot run: no room")

    said = await post(page_of(tmp_path, told=refused), "save")
    assert "no room" in str(said["why"])
    assert said["toml"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"name":1}', b"\xff", b'{"name":"a","kind":"zone","classes":[],"points":[[0,2]]}'])
async def test_what_is_no_rule_is_refused(tmp_path: Path, body: bytes) -> None:
    with pytest.raises(RequestRefused) as caught:
        await page_of(tmp_path).answer(Request("POST", "save", body))
    assert caught.value.status == 400


@pytest.mark.parametrize(("method", "path"), [("GET", "save"), ("POST", "still.jpg"), ("GET", "../node.toml"), ("POST", "")])
async def test_nothing_else_is_there(tmp_path: Path, method: str, path: str) -> None:
    with pytest.raises(RequestRefused) as caught:
        await page_of(tmp_path).answer(Request(method, path, b"{}"))
    assert caught.value.status == 404


async def test_a_name_that_is_markup_stays_a_text(tmp_path: Path) -> None:
    page = page_of(tmp_path, rules=RULE.replace("door", "</script><script>alert(1)//"))
    reply = await page.answer(Request("GET", ""))
    assert isinstance(reply.body, bytes)
    assert reply.body.count(b"<script") == reply.body.count(b"</script>") == 1
    assert b"alert(1)" in reply.body
    nonce = reply.policy.partition("nonce-")[2].partition("'")[0].encode()
    assert b"http://" not in reply.body.replace(b"http://www.w3.org/2000/svg", b"")
    assert reply.body.count(b'nonce="' + nonce + b'"') == 2
    assert b"@" not in reply.body


async def test_done_ends_the_command(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    await post(page, "done")
    assert page.done.is_set()


async def test_another_page_of_the_browser_saves_nothing(tmp_path: Path) -> None:
    server = LoopbackServer(page_of(tmp_path).answer)
    await server.start(0)
    token, rule = server.address.split("/")[3], b'{"name":"x","kind":"zone","classes":[],"points":[[0,0],[1,0],[1,1]]}'
    heads = {
        b"evil": b"Host: evil.example\r\nContent-Type: application/json",
        b"form": b"Host: localhost\r\nContent-Type: text/plain",
        b"cross": b"Host: localhost\r\nOrigin: http://evil.example\r\nContent-Type: application/json",
    }
    for head in heads.values():
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(f"POST /{token}/save HTTP/1.1\r\nContent-Length: {len(rule)}\r\n".encode() + head + b"\r\n\r\n" + rule)
        assert (await reader.read()).split()[1] in (b"403", b"415")
        writer.close()
    await server.stop()
    assert "rule" not in (tmp_path / LIST_NAME).read_text("utf-8")
