"""A viewer of unmasked video beside a backlog on a thin link: `python -m benchmarks.thin_video [--kbit-s 256] [--seconds 40]`.

Two real nodes in network namespaces, joined by the tests' own pipe; the lower one has a backlog of records and a simulated camera that
sends more than the link carries. Three stretches of the same length: records alone, records beside a viewer at the upper node, and the
viewer once the backlog is through. Counted are payload bytes that the parent has committed, bytes of video, the words in which the viewer
was told why nothing came, how long nothing came at all, the age of the child's newest heartbeat, and links that went down. Exit status: 0
when records drain beside the viewer at RECORDS_SHARE of their rate alone or more, no heartbeat is older than BEAT_AGE_S_MAX, no link ended
and the viewer gets the link once it is free; 2 where namespaces are not permitted.
"""

from __future__ import annotations

import base64
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from benchmarks.thin_link import LINK_TIMEOUT_S, asked_for, stored_bytes
from node.cameras.list_file import LIST_NAME
from node.cameras.viewing.video_screen import PERIOD_S
from node.client import ApiError, NodeClient
from tests.e2e.cluster import Node
from tests.edge_ai.replay import DATA
from tests.network.shaper import Wire
from tests.network.thin import CHILD, TwoNodes

RECORDS_SHARE = 0.9
"""Of the rate of records alone that they have to keep beside a viewer."""
VIDEO_SHARE = 0.3
"""Of the link's bytes that a viewer has to get once nothing else waits: pieces are sealed, signed, and one is under way at a time."""
BEAT_AGE_S_MAX = 10.0
"""Heartbeats come every 8 s at most."""
ROWS = 500
BYTES_PER_BATCH = 3_500
"""On the wire at least, joined and compressed as they are on a thin link."""
CAMERA_PORT = 18_554
GRANT_S_MAX = 60.0
FIELDS = ["camera", "event_id", "form", "video", "note", "masked"]
FILTER = "event_id = 'live' and masked = false and camera = 'yard'"
CAMERA = """
[[camera]]
id = "yard"
kind = "rtsp"
source = "rtsp://127.0.0.1:{port}/main"
algorithm = "motion-object"
analysed_fps = 1
"""


@dataclass(slots=True)
class Viewer:
    """Somebody at the upper node who asks for one piece after the other, and begins anew when a view was ended."""

    node: Node
    case: str
    bytes: int = 0
    pieces: int = 0
    lost_s: float = 0.0
    words: Counter[str] = field(default_factory=Counter)
    """Why a question brought nothing."""
    ended: list[str] = field(default_factory=list)
    """What the node said when it ended a view."""
    slowest_s: float = 0.0
    """The longest that one question took."""
    _over: threading.Event = field(default_factory=threading.Event)

    def watch(self, seconds: float) -> None:
        """Look for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                said = {"camera": "yard", "node": CHILD, "request": self.case, "by": "li", "why": "fire", "unmasked": True}
                view = str(self._call("camera_view_begin", **said)["view"])
                while time.monotonic() < until:
                    self._look(view)
                self._call("camera_view_end", view=view)
            except ApiError as error:
                self.ended.append(str(error))
                self._over.wait(PERIOD_S)

    @property
    def facts(self) -> dict[str, object]:
        """For the verdict."""
        names = ("bytes", "pieces", "lost_s", "ended", "slowest_s")
        return {name: getattr(self, name) for name in names} | {"words": dict(self.words)}

    @property
    def answers(self) -> int:
        """Pieces, and words why there was none."""
        return self.pieces + self.words.total()

    def _look(self, view: str) -> None:
        began = time.monotonic()
        answer = self._call("camera_view_next", view=view)
        self.slowest_s = max(self.slowest_s, time.monotonic() - began)
        data = base64.b64decode(str(answer["video"]))
        self.bytes, self.pieces = self.bytes + len(data), self.pieces + bool(data)
        self.lost_s += float(str(answer["lost_s"]))
        if not data:
            self.words[str(answer["missing"])] += 1
        if not answer.get("more"):
            self._over.wait(PERIOD_S)

    def _call(self, verb: str, **arguments: object) -> dict[str, object]:
        return NodeClient(self.node.folder).call(verb, timeout_s=45.0, **arguments)


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one stretch of time brought."""

    seconds: float
    record_bytes: int
    video_bytes: int
    still_s: float
    """The longest in which the parent committed no record, while there were some."""
    beat_age_s: float
    """The oldest that the newest heartbeat of the child was."""
    waiting: int = 1
    """Records that were not through at its end."""
    answers: int = 0
    """What the viewer was given or told, in pieces and words."""
    viewer: Mapping[str, object] = field(default_factory=dict)


@dataclass(slots=True)
class Scene:
    """The two nodes, linked, and the grant."""

    pair: TwoNodes
    case: str

    def stretch(self, seconds: float, *, with_viewer: bool) -> Stretch:
        """Let so much time pass, and look."""
        viewer = Viewer(self.pair.parent, self.case)
        with ThreadPoolExecutor(1) as beside:
            watching = beside.submit(viewer.watch, seconds if with_viewer else 0.0)
            found = self._looked(seconds, viewer)
            watching.result()
        return replace(found, answers=viewer.answers, viewer=viewer.facts) if with_viewer else found

    def _looked(self, seconds: float, viewer: Viewer) -> Stretch:
        began, bytes_before = time.monotonic(), stored_bytes(self.pair.parent.journal)
        still_s, beat_age_s, moved_at, stored = 0.0, 0.0, began, bytes_before
        while (now := time.monotonic()) < began + seconds:
            if (newest := stored_bytes(self.pair.parent.journal)) != stored:
                stored, moved_at = newest, now
            elif self.waiting():
                still_s = max(still_s, now - moved_at)
            beat_age_s = max(beat_age_s, self.beat_age_s())
            self.pair.child.pace()
        return Stretch(
            time.monotonic() - began, stored - bytes_before, viewer.bytes, round(still_s, 1), round(beat_age_s, 1), self.waiting()
        )  # fmt: skip

    def waiting(self) -> int:
        """Records of the child that the parent does not have yet."""
        return self.pair.backlog - self.pair.arrived()

    def beat_age_s(self) -> float:
        """Since the child's newest heartbeat came to the parent."""
        nodes = self.pair.parent.call("tree")["nodes"]
        return max((float(one["age_s"]) for one in nodes if one["id"] == CHILD), default=0.0)

    def drain(self, seconds_max: float) -> float:
        """Wait until no record waits; how long it took. Raises ClusterError."""
        began = time.monotonic()
        self.pair.cluster.wait("the backlog to be through", lambda: self.waiting() <= 0, timeout_s=seconds_max)
        return time.monotonic() - began


@contextmanager
def scene(folder: Path, wire: Wire, *, batches: int) -> Iterator[Scene]:
    """Two nodes that are linked, a camera that plays below, and the grant to watch it."""
    with TwoNodes(folder, wire, batches=batches, rows=ROWS) as pair, playing(pair):
        (pair.child.folder / LIST_NAME).write_text(CAMERA.format(port=CAMERA_PORT), "utf-8")
        pair.cluster.start()
        pair.cluster.wait("the link", lambda: pair.status(pair.child)["link"]["state"] == "up", timeout_s=LINK_TIMEOUT_S)
        pair.cluster.wait("the camera", lambda: pair.child.call("status")["cameras"][0]["state"] == "live", timeout_s=LINK_TIMEOUT_S)
        yield Scene(pair, granted(pair))


@contextmanager
def playing(pair: TwoNodes) -> Iterator[None]:
    """A simulated camera beside the child."""
    clip = DATA / "video" / "highway_640x360.mp4"
    told = ["simulate", "cameras", "--count", "1", "--clip", str(clip), "--port", str(CAMERA_PORT), "--seconds", "3600"]
    camera = pair.plant.run("child", [sys.executable, "-m", "node.cli", "--lang", "en", *told])
    try:
        yield
    finally:
        camera.terminate()
        camera.communicate(timeout=10)


def granted(pair: TwoNodes) -> str:
    """A grant of the camera's video, asked above and given below."""
    until_us = time.time_ns() // 1_000 + 3_600_000_000
    asked = {
        "resource": "camera-clips",
        "fields": FIELDS,
        "filter": FILTER,
        "purpose": "emergency",
        "until_us": until_us,
    }
    pair.cluster.wait("word of the child", lambda: CHILD in {one["id"] for one in pair.parent.call("tree")["nodes"]}, timeout_s=GRANT_S_MAX)
    case = str(pair.parent.call("request_ask", provider=CHILD, why="fire", by="li", **asked)["id"])

    def states(node: Node) -> dict[str, str]:
        return {str(one["id"]): str(one["state"]) for one in node.call("request_list")["requests"]}

    pair.cluster.wait("the request", lambda: case in states(pair.child), timeout_s=GRANT_S_MAX)
    pair.child.call("request_grant", id=case, by="zhao")
    pair.cluster.wait("the grant", lambda: states(pair.parent).get(case) == "granted", timeout_s=GRANT_S_MAX)
    return case


def faults(alone: Stretch, beside: Stretch, free: Stretch, ends: list[str], wire: Wire) -> list[str]:
    """In which way it is not as it has to be."""
    told = []
    if beside.waiting <= 0:
        told.append("the backlog was through before the viewer was: nothing is shown by that; ask for fewer --seconds")
    if not beside.answers:
        told.append("the viewer beside the backlog was given nothing and told nothing")
    share = beside.record_bytes / beside.seconds / (alone.record_bytes / alone.seconds)
    if share < RECORDS_SHARE:
        told.append(f"records drain at {share:.2f} of their rate alone beside a viewer, {RECORDS_SHARE:g} is asked")
    oldest_s = max(beside.beat_age_s, free.beat_age_s)
    if oldest_s > BEAT_AGE_S_MAX:
        told.append(f"the newest heartbeat was {oldest_s:.1f} s old, {BEAT_AGE_S_MAX:g} is the most")
    if free.video_bytes / free.seconds < VIDEO_SHARE * wire.bytes_s:
        told.append(f"a viewer alone gets {free.video_bytes / free.seconds:,.0f} bytes/s of {wire.bytes_s:,.0f}")
    return told + ends


def main() -> int:
    """Run the three stretches; the exit status."""
    asked = asked_for(__doc__, seconds=40.0, kbit_s=256.0, delay_ms=50.0, loss=0.0)
    if asked is None:
        return 2
    wire, seconds = asked
    print(f"{wire}; {seconds:g} s each", file=sys.stderr, flush=True)
    batches = round(wire.bytes_s * (2.5 * seconds + 20) / BYTES_PER_BATCH)
    with tempfile.TemporaryDirectory(prefix="yn") as folder, scene(Path(folder), wire, batches=batches) as made:
        alone = made.stretch(seconds, with_viewer=False)
        beside = made.stretch(seconds, with_viewer=True)
        drained_s = made.drain(10 * seconds)
        free = made.stretch(seconds, with_viewer=True)
        ends = [line for line in made.pair.child.log.splitlines() if "link down with" in line]
        found = faults(alone, beside, free, ends, wire)
        stretches = {"alone": asdict(alone), "beside": asdict(beside), "free": asdict(free), "drained_s": round(drained_s)}
        print(json.dumps({"verdict": "FAIL" if found else "PASS", "faults": found} | stretches, indent=2))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
