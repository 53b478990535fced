"""How much more a box is asked for than it can do, so that a process that merely waits for its turn is not taken for one that hangs.

Called by edge_ai/analysis/callers.py and node/cameras/process.py for their deadlines.
"""

from __future__ import annotations

import os

STRAIN_MAX = 5.0
"""Times by which a deadline may grow."""


def strain() -> float:
    """1 on a box that keeps up, up to STRAIN_MAX where so many times more threads want to run than there are cores."""
    return min(max(os.getloadavg()[0] / len(os.sched_getaffinity(0)), 1.0), STRAIN_MAX)
