"""Checks of the set-up, the suite runner, the presets and the licences."""
