"""Every page at every size in every dress, compared with the text kept under snapshots/.

Run with YUNNAO_SNAPSHOTS=write to write them anew, then read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.tui.fake_node import FakeNode
from tests.tui.screens import ASCII, CHINESE, ENGLISH, LARGE, MIDDLE, SMALL, stage
from tui.setting import Setting

SNAPSHOTS = Path(__file__).parent / "snapshots"
DRESSES = {"zh": CHINESE, "en": ENGLISH, "ascii": ASCII}
WAITS = "4b1d0c2e9f8a7766"
PAGES = {
    "tree": "",
    "node": "qd-shinan",
    "events": "",
    "event": "e000999",
    "resources": "",
    "resource": "residents",
    "incidents": "",
    "incident": "i-0007",
    "devices": "",
    "device": "air-tuandao-01",
    "alarm": "b1c3",
    "entries": "",
    "entry": WAITS,
    "governance": "",
    "matter": "recall/NL-4b1d0c2e9f8a7766@9a0c11d2e3f40516",
    "oversight": "",
    "score": "residents/qd-badaxia",
    "log_entry": "411",
    "verdict": "",
    "cameras": "",
    "camera": "cam-pier",
    "rule": "cam-pier\tline",
    "point": "37020200001320000001",
    "help": "",
}
"""Every page and what it is about."""
SIZES: dict[str, tuple[tuple[int, int], ...]] = {
    **dict.fromkeys(("score", "log_entry", "verdict", "alarm", "point", "rule"), (SMALL,)),
    **dict.fromkeys(("governance", "matter", "oversight", "cameras", "camera"), (SMALL, MIDDLE)),
}
"""Pages that a larger screen only pads."""


@pytest.mark.slow
@pytest.mark.parametrize("size", [SMALL, MIDDLE, LARGE], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("dress", DRESSES)
async def test_pages_look_as_they_did(dress: str, size: tuple[int, int]) -> None:
    setting: Setting = DRESSES[dress]
    async with stage(setting, size, FakeNode()) as shown:
        for page, about in PAGES.items():
            if size not in SIZES.get(page, (size,)):
                continue
            await shown.open(page, about)
            assert all(cell_len(line) <= size[0] for line in shown.lines())
            assert dress != "ascii" or shown.text().isascii()
            compare(f"{page}-{size[0]}x{size[1]}-{dress}.txt", shown.text())
        await shown.open("entry", WAITS)
        await shown.press("r")
        compare(f"dialog-{size[0]}x{size[1]}-{dress}.txt", shown.text())


def compare(name: str, text: str) -> None:
    """Assert that `text` is what the snapshot `name` holds, or write it when asked to."""
    path = SNAPSHOTS / name
    if os.environ.get("YUNNAO_SNAPSHOTS") == "write":
        path.write_text(text, "utf-8")
    assert path.is_file(), f"no snapshot {name}: run with YUNNAO_SNAPSHOTS=write and read what it wrote"
    assert text == path.read_text("utf-8"), f"page differs from snapshot {name}"


def test_every_snapshot_belongs_to_a_page() -> None:
    sizes = {page: SIZES.get(page, (SMALL, MIDDLE, LARGE)) for page in (*PAGES, "dialog")}
    expected = {f"{page}-{size[0]}x{size[1]}-{dress}.txt" for page in sizes for size in sizes[page] for dress in DRESSES}
    assert {path.name for path in SNAPSHOTS.glob("*.txt")} == expected
