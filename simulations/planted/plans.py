"""The fault plans under which planted bugs are tried: small cities in which every rule matters; the seed still moves everything else."""

from __future__ import annotations

from dataclasses import replace

from simulations.faults import read_schedule
from simulations.rules import Change
from simulations.run import Settings

_HARSH = """
1000000 repeat - - 29000000 100 -
2000000 loss - - 9000000 60 -
7000000 crash g1111 - 500000 1 before-sends
7000000 crash s111 - 500000 1 in-commit
9000000 crash d11 - 500000 1 before-commit
11000000 crash m1 - 500000 1 in-commit
12500000 crash s111 - 500000 1 before-commit
13500000 crash g1111 - 500000 1 before-commit
14000000 clog - - 6000000 2500000 -
15000000 policy p0 - 0 0 -
19500000 crash d11 - 500000 1 before-commit
19500000 crash m1 - 500000 1 before-sends
20000000 crash s111 - 500000 1 before-commit
21000000 loss - - 8000000 60 -
22000000 one-way d11 m1 3000000 0 -
26000000 crash m1 - 500000 1 before-commit
26000000 crash s111 - 500000 1 before-commit
"""
_OVERTAKES = """
14000000 clog - - 9000000 2500000 -
15000000 policy p0 - 0 0 -
"""
_DISKS = """
4000000 full g1111 - 4000000 0 -
4500000 burst g1111 - 0 3000 -
5000000 burst g1111 - 0 3000 -
9000000 full s111 - 3000000 0 -
13000000 exchange d11 s111 1500000 0 -
17000000 crash g1111 - 500000 1 before-sends
19000000 wipe d11 - 2000000 0 -
24000000 cut s111 d11 0 0 -
"""

_LINES = "".join(
    f"{second}000000 cut {child} {parent} 0 0 -\n" for second in range(3, 29, 2) for child, parent in (("s111", "d11"), ("d11", "m1"))
)
_WINDOW = f"""
1000000 clog - - 28000000 2500000 -
2000000 loss - - 27000000 60 -
{_LINES}
"""

HARSH = Settings(
    fan_out=1, fault_s=30, rounds=8, records=12, deadline_records=0, has_floor=False, schedule=read_schedule(_HARSH), change=Change.NONE
)
"""Loss, repeats and crashes at every point of a turn."""
RELEASED = replace(HARSH, change=Change.RELEASE_ROWS)
"""The same, and what was held back is released in the middle."""
DENIED = replace(HARSH, change=Change.DENY_ROWS)
"""The same, and what was free is forbidden in the middle."""
OVERTAKEN = replace(HARSH, rounds=20, schedule=read_schedule(_OVERTAKES), change=Change.DENY_ROWS)
"""On a slow network a stricter policy reaches receivers before senders, so that frames under way are refused."""
WINDOW = replace(RELEASED, rounds=29, schedule=read_schedule(_WINDOW + "15000000 policy p0 - 0 0 -\n"))
"""Much under way at once, and sessions that end in the middle of it."""
DISKS = replace(HARSH, schedule=read_schedule(_DISKS))
"""Full, exchanged and lost disks."""
BACKLOG = replace(HARSH, rounds=2, schedule=(), deadline_records=9_000)
"""No faults: a backlog drains over thin links while alarms are made."""
