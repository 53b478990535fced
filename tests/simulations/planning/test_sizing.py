"""How many sensors a link carries: the answer fits, a little more does not, and the verb says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from node.cli import main
from node.errors import EXIT_NEGATIVE, EXIT_OK, EXIT_USAGE
from simulations.planning.profiles import LinkProfile
from simulations.planning.sizing import LATE_S, PRECISION, USED_MAX, tries

pytestmark = pytest.mark.slow

THIN = LinkProfile(8, 100)
"""A link that comes up, because a grid takes slices of the bundles; those of a street, whole, take over twenty of the sixty seconds."""


def test_the_answer_fits_and_a_little_more_does_not(tmp_path: Path) -> None:
    made = list(tries(THIN, "air-quality", every_s=10, folder=tmp_path))
    best = max((attempt for attempt in made if attempt.fits), key=lambda attempt: attempt.sensors)
    over = min((attempt for attempt in made if not attempt.fits), key=lambda attempt: attempt.sensors)
    assert best.sensors < over.sensors <= best.sensors + max(1, round(best.sensors * PRECISION))
    assert best.used <= USED_MAX
    assert over.used > USED_MAX or over.oldest_s > LATE_S


def test_a_link_too_thin_for_one_sensor_is_a_negative_finding(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--lang", "en", "sizing", "--link", "2g", "--rate-kbit", "1", "--every", "1"]) == EXIT_NEGATIVE
    assert "not carry a single sensor" in capsys.readouterr().out


def test_json_holds_every_try(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sizing", "--rate-kbit", "8", "--every", "60", "--json"]) == EXIT_OK
    found = json.loads(capsys.readouterr().out)
    assert found["sensors"] == max(one["sensors"] for one in found["tries"] if one["fits"])


@pytest.mark.parametrize("wrong", [["--every", "0"], ["--rate-kbit", "0"], ["--delay-ms", "-1"]])
def test_wrong_numbers_are_named(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sizing", *wrong]) == EXIT_USAGE
    assert "refused" in capsys.readouterr().err
