"""The console's colours: one palette per theme, and the Textual themes made of them.

Colour only ever repeats what a mark and a word already say (`tui/marks.py`); NO_COLOR is honoured by Textual's own filter.
The deuteranopia and tritanopia sets use the colours of Okabe and Ito (2008), which stay apart for those eyes.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.theme import Theme


@dataclass(frozen=True, slots=True)
class Palette:
    """Foreground and background colours as `#rrggbb`."""

    name: str
    back: str
    bar: str
    """Background of the top and bottom lines."""
    cursor: str
    """Background of the row under the cursor."""
    text: str
    dim: str
    accent: str
    ok: str
    warn: str
    fail: str
    stale: str

    def theme(self) -> Theme:
        """This palette as a Textual theme of the same name."""
        return Theme(
            name=self.name,
            primary=self.accent,
            secondary=self.bar,
            foreground=self.text,
            background=self.back,
            surface=self.back,
            panel=self.bar,
            success=self.ok,
            warning=self.warn,
            error=self.fail,
            accent=self.accent,
            dark=True,
        )


PALETTES = {
    palette.name: palette
    for palette in (
        Palette("dusk", "#11161d", "#1d2733", "#24405c", "#d7dee6", "#7d8a98", "#7cc4ff", "#7fd88f", "#ffc857", "#ff7a70", "#8a8f98"),
        Palette(
            "high-contrast", "#000000", "#000000", "#0000c0", "#ffffff", "#d0d0d0", "#00ffff", "#00ff00", "#ffff00", "#ff6060", "#c0c0c0"
        ),
        Palette(
            "deuteranopia", "#10141a", "#1c2430", "#2b3f58", "#e2e6ea", "#8792a0", "#f0e442", "#56b4e9", "#e69f00", "#ff8a65", "#8e939a"
        ),
        Palette("tritanopia", "#11151a", "#1e252e", "#3a3a4c", "#e4e4e4", "#8c929a", "#8fd3d3", "#4fc3b0", "#f2a6c2", "#ff5252", "#90959c"),
    )
}
"""Every palette by name; the first is the default."""

DEFAULT_PALETTE = "dusk"
