"""An event of a real clip: seen masked two levels above, pulled whole under a grant, withheld by a relay whose policy tightened.

Three real nodes, a simulated camera that plays a real clip, and a detector of persons and vehicles, so that pictures travel sharp in
part. What lies at the relay is read from its files and from the values in its journal, whatever its API would show.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from node.cameras.list_file import LIST_NAME
from node.client import ApiError
from node.clock import SystemClock
from simulations.devices.rtsp_camera import SimulatedCamera
from simulations.devices.rtsp_clip import read_mp4
from sync.model import Level
from tests.e2e.city.journals import rows_in, values_in
from tests.e2e.cluster import Cluster, Node, Place, Plain, cli, cli_json
from tests.e2e.street_cameras import WHOLE, files_of, holding, pieces
from tests.edge_ai.replay import DATA, needs_data
from tests.edge_ai.sources.serving import playing

pytestmark = [pytest.mark.slow, needs_data]

TREE = (
    Place("province", Level.PROVINCIAL, "37"),
    Place("street", Level.STREET, "370202001", "province"),
    Place("grid", Level.GRID, "370202001001001", "street"),
)
WAIT_S = 60.0
PICTURES = "camera-evidence"
VIDEO_FIELDS = ["camera", "event_id", "form", "video", "note", "masked"]
LIVE_VIDEO = "event_id = 'live' and masked = false and camera = 'yard'"
SCAN = b"\xff\xda"
"""Where a JPEG's picture begins; what stands before is alike in all."""
CAMERA = """
[[camera]]
id = "yard"
kind = "rtsp"
source = "{url}"
algorithm = "fastestdet"
model = "{model}"
mask = "{mask}"
mode = "{mode}"

[[camera.rule]]
name = "door"
kind = "zone"
points = {points}
frames_min = 2
clip_s = [1.0, 1.0]
"""
ENTRY = """
effect = "deny"
resource = "camera-evidence"
fields = ["jpeg", "thumb_rgb"]
predicate = "camera = 'yard' and event_time < '{until}'"
ways = ["up"]
valid_from = 2020-01-01
valid_to = 2099-01-01

[basis]
instrument = "an invented order"
article = "article 1"
quote = "Older pictures of the yard stay in the grid."
"""


@dataclass(slots=True)
class Street:
    """The three nodes, and the camera at the grid."""

    cluster: Cluster
    camera: SimulatedCamera
    fetched: dict[str, bytes] = field(default_factory=dict)
    """What was pulled under a grant, by its form."""

    def __getitem__(self, node: str) -> Node:
        return self.cluster[node]

    def point(self, *, mode: str, mask: str = "boxes") -> None:
        """Set the grid's camera; a running grid takes it at once."""
        model = DATA / "models" / "FastestDet.onnx"
        text = CAMERA.format(url=self.camera.url, model=model, mask=mask, mode=mode, points=WHOLE)
        (self["grid"].folder / LIST_NAME).write_text(text, "utf-8")
        if self["grid"].process is not None:
            self["grid"].call("camera_reload")

    def kept(self) -> list[Plain]:
        """Pictures at the grid with their clips, oldest first."""
        found = self["grid"].call("evidence_list", limit=50)["pictures"]
        return sorted((one for one in found if one["state"] == "kept"), key=lambda one: int(one["at_us"]))

    def file_of(self, suffix: str, sha256: str) -> bytes:
        """An original as it lies at the grid."""
        (path,) = (self["grid"].folder / "evidence").rglob(f"{sha256}.{suffix}")
        return path.read_bytes()

    def pictures(self, node: str, event_id: str) -> list[bytes | None]:
        """The pictures of an event in the journal of a node, as they came; None where a policy cut it out."""
        rows = rows_in(self[node].journal, "jpeg")
        return [row["jpeg"] for row in rows if row["event_id"] == event_id]

    def granted(self, resource: str, fields: str) -> str:
        """A grant of unmasked things of the grid for the province."""
        ask = ("request", "ask", resource, "--of", "grid", "--fields", fields, "--filter", "masked = false", "--purpose", "city-management")
        case = str(cli_json(self["province"].folder, *ask, "--until", "2099-01-01", "--why", "case 12", "--by", "li")["id"])
        self.cluster.wait("the request", lambda: case in cases(self["grid"]), timeout_s=WAIT_S)
        cli_json(self["grid"].folder, "request", "grant", case, "--by", "zhao")
        self.cluster.wait("the grant", lambda: cases(self["province"]).get(case) == "granted", timeout_s=WAIT_S)
        return case

    def fetch(self, event_id: str, case: str, out: Path, *form: str) -> tuple[int, str]:
        """Pull under a grant at the province: exit code and what was said."""
        done = cli(self["province"].folder, "evidence", "fetch", event_id, "--request", case, "--out", str(out), "--by", "li", *form)
        return done.returncode, done.stderr


def cases(node: Node) -> dict[str, str]:
    return {str(one["id"]): str(one["state"]) for one in node.call("request_list")["requests"]}


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """Three nodes that run and are linked, and a clip of a motorway in front of the camera."""
    clip = read_mp4(DATA / "video" / "highway_640x360.mp4")
    cluster = Cluster(tmp_path_factory.mktemp("v"))
    cluster.make(TREE)
    with playing(clip, fps=clip.fps) as camera:
        made = Street(cluster, camera)
        made.point(mode="full")
        try:
            cluster.start()
            cluster.wait_linked()
            yield made
        finally:
            cluster.stop()


def test_in_an_emergency_video_is_watched_above_until_it_is_ended(street: Street) -> None:
    province, grid = street["province"], street["grid"]
    street.cluster.wait("word of the grid", lambda: "grid" in {one["id"] for one in province.call("tree")["nodes"]}, timeout_s=WAIT_S)
    asked = {"fields": VIDEO_FIELDS, "filter": LIVE_VIDEO, "hours": 1, "why": "fire", "by": "li"}
    case = str(province.call("emergency_open", provider="grid", resource="camera-clips", **asked)["id"])
    province.call("emergency_approve", id=case, by="wang")
    street.cluster.wait("the emergency below", lambda: emergencies(grid).get(case) == "granted", timeout_s=WAIT_S)
    street.cluster.wait("the camera", lambda: grid.call("status")["cameras"][0]["state"] == "live", timeout_s=WAIT_S)
    looking = {"camera": "yard", "node": "grid", "request": case, "by": "li", "why": "fire", "unmasked": True}
    view = str(province.call("camera_view_begin", **looking)["view"])
    street.cluster.wait("a piece", lambda: bool(province.call("camera_view_next", view=view)["video"]), timeout_s=WAIT_S)
    grid.call("emergency_say", id=case, fact="end", by="zhao", why="the fire is out")
    with pytest.raises(ApiError, match=f"{case} is ended"):
        province.call("camera_view_next", view=view)
    street.cluster.wait("both ends in the logs", lambda: len(entered(province, case)) == len(entered(grid, case)) == 2, timeout_s=WAIT_S)
    assert [one["detail"].get("step") for one in entered(grid, case)] == ["end", "begin"]
    assert entered(street["street"], case) == []


def entered(node: Node, case: str) -> list[Plain]:
    """What the audit log of a node says of views under a request."""
    found = node.call("audit_log", limit=50)["entries"]
    return [one for one in found if one["detail"].get("request") == case]


def emergencies(node: Node) -> dict[str, str]:
    return {str(one["id"]): str(one["state"]) for one in node.call("emergency_list")["emergencies"]}


def test_an_event_is_seen_masked_above_and_pulled_whole_only_while_it_is_granted(street: Street, tmp_path: Path) -> None:
    street.cluster.wait("a clip", lambda: any(one["clip"] == "kept" for one in street.kept()), timeout_s=WAIT_S)
    street.point(mode="off")
    event = next(one for one in street.kept() if one["clip"] == "kept")
    event_id = str(event["event_id"])
    street.cluster.wait("its picture above", lambda: bool(street.pictures("province", event_id)), timeout_s=WAIT_S)
    (masked,) = street.pictures("province", event_id)
    assert masked is not None
    assert (hashlib.sha256(masked).hexdigest(), event["masking"]) == (event["masked_sha256"], "boxes")
    picture = street.granted(PICTURES, "event_id,sha256,jpeg,masked")
    video = street.granted("camera-clips", "event_id,sha256,form,video,note,masked")
    assert street.fetch(event_id, video, tmp_path / "x.ts", "--unmasked-video")[0] == 0
    assert street.fetch(event_id, picture, tmp_path / "x.jpg")[0] == 0
    clip = (tmp_path / "x.ts").read_bytes()
    note = json.loads((tmp_path / "x.ts.json").read_text("utf-8"))
    assert clip == street.file_of("ts", str(note["original_sha256"]))
    assert masked != (tmp_path / "x.jpg").read_bytes()
    cli_json(street["grid"].folder, "request", "revoke", picture, "--why", "misused", "--by", "zhao")
    code, said = street.fetch(event_id, picture, tmp_path / "y.jpg")
    assert (code, "revoked" in said, (tmp_path / "y.jpg").exists()) == (4, True, False)
    street.fetched |= {"clip": clip, "copy": (tmp_path / "x.jpg").read_bytes(), "masked": masked}


def test_no_byte_of_what_was_not_masked_lies_at_the_relay(street: Street) -> None:
    """By pieces of each original, of the clip and of the stamped copy, and by the hashes of what the journal holds.

    A masked picture is sharp beside its boxes and may share bytes with its original there, so pieces that stand in one are not looked for.
    """
    kept = street.kept()
    whole = [street.fetched["copy"], *(street.file_of("jpg", str(one["sha256"])) for one in kept)]
    values = {hashlib.sha256(value).hexdigest(): value for value in values_in(street["street"].journal)}
    masked = [values[str(one["masked_sha256"])] for one in kept]
    assert street.fetched["masked"] in masked
    made = pieces(street.fetched["clip"]).union(*(pieces(jpeg, begin=jpeg.index(SCAN)) for jpeg in whole))
    sought = {piece for piece in made if not any(piece in jpeg for jpeg in masked)}
    assert len(sought) > len(made) / 2
    assert not values.keys() & {hashlib.sha256(data).hexdigest() for data in (*whole, street.fetched["clip"])}
    assert holding(sought, [*files_of(street["street"].folder), *values.items()]) == []
    assert holding(sought, files_of(street["grid"].folder)), "the search finds them where they are"


def test_a_relay_whose_policy_tightened_withholds_a_picture_until_its_origin_sent_it_again(street: Street, tmp_path: Path) -> None:
    street["province"].stop()
    before = {one["event_id"] for one in street.kept()}
    street.point(mode="full")

    def waiting() -> list[str]:
        fresh = [str(one["event_id"]) for one in street.kept() if one["event_id"] not in before]
        return [one for one in fresh if street.pictures("street", one)]

    street.cluster.wait("a picture at the relay", lambda: bool(waiting()), timeout_s=WAIT_S, watch=street["street"])
    street.point(mode="off")
    event_id = waiting()[0]
    street["street"].stop()
    street.cluster.start("province")
    tighten(street["province"], tmp_path / "entry.toml")
    street.cluster.start("street")
    street.cluster.wait("the row above", lambda: bool(street.pictures("province", event_id)), timeout_s=WAIT_S)
    assert street.pictures("province", event_id) == [None]
    assert street.pictures("street", event_id) != [None]
    street["grid"].stop()
    street.point(mode="off", mask="mosaic")
    street.cluster.start("grid")
    street.cluster.wait("what was sent again", lambda: len(street.pictures("province", event_id)) > 1, timeout_s=WAIT_S)
    none, again = street.pictures("province", event_id)
    assert none is None
    assert again is not None
    assert again not in street.pictures("street", event_id)[:1]
    (told,) = [one for one in street.kept() if one["event_id"] == event_id]
    assert told["masking"] == "mosaic"


def tighten(node: Node, file: Path) -> None:
    """Three persons of the province: what was made up to now stays where it is."""
    until = datetime.fromtimestamp(SystemClock().wall_us() / 1e6, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    file.write_text(ENTRY.format(until=until), "utf-8")
    case = str(cli_json(node.folder, "entry", "propose", str(file), "--why", "complaints", "--by", "li")["id"])
    for fact, by in (("review", "wang"), ("approve", "zhao")):
        node.call("entry_decide", id=case, fact=fact, by=by)
