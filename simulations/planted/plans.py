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
_LATE = """
0 partition p0 m1 10000000 0 -
9000000 clog - - 15000000 2500000 -
"""
_CHANGING = "".join(f"{15_000 + 15 * index}000 burst g1111 - 0 20 -\n" for index in range(60)) + """
15100000 policy p0 - 0 0 -
15350000 policy p0 - 0 0 -
15600000 policy p0 - 0 0 -
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

_RESTORED = """
9000000 restore g1111 - 6000000 0 found
"""
_CLONED = """
2000000 partition g1111 s111 12000000 0 -
6000000 clone g1111 - 5000000 0 -
"""
_COPIED_CITY = """
6000000 restore m1 - 5000000 0 found
6000000 partition m1 d11 6500000 0 -
10500000 partition m1 p0 9500000 0 -
"""
_MOVED = """
5000000 partition s111 d11 8000000 0 -
9000000 move g1111 d11 0 0 -
"""
_MOVED_TWICE = """
9000000 move g1111 d11 0 0 -
15000000 move g1111 m1 0 0 -
"""
_GARBLED = """
2000000 garble g1111 s111 25000000 150 -
2000000 garble s111 d11 25000000 150 -
2000000 garble d11 m1 25000000 150 -
"""
_ROTTEN = """
15000000 rot d11 - 0 3 -
25000000 rot d11 - 0 3 -
"""
_ROTTEN_BELOW = """
1366271 one-way s111 d11 14305860 0 -
12682500 rot d11 - 0 3 -
14343043 pause m1 - 6356258 0 -
"""
_REPLAYED = """
1000000 replay s111 g1111 29000000 150 -
1000000 replay d11 s111 29000000 150 -
1000000 replay m1 d11 29000000 150 -
"""
_STALE = """
9000000 stale d11 - 12000000 43200000000000 -
"""
_BEHIND = """
3000000 stale p0 - 22000000 67910400000000 -
5000000 quota m1 - 24000000 120000 -
8000000 burst g1111 - 0 1500 -
14000000 burst g1111 - 0 1500 -
"""
_SMALL = "3000000 quota s111 - 26000000 500000 -\n3000000 partition s111 d11 20000000 0 -\n" + "".join(
    f"{second}500000 burst {node} - 0 {records} -\n" for second in range(4, 28) for node, records in (("g1111", 900), ("s111", 300))
)
_CRAMMED = "3000000 quota g1111 - 26000000 200000 -\n3000000 partition g1111 s111 20000000 0 -\n" + "".join(
    f"{second}500000 burst g1111 - 0 3000 -\n" for second in range(4, 28)
)
_LINES = "".join(
    f"{second}000000 cut {child} {parent} 0 0 -\n" for second in range(3, 29, 2) for child, parent in (("s111", "d11"), ("d11", "m1"))
)
_WINDOW = f"""
1000000 clog - - 28000000 2500000 -
2000000 loss - - 27000000 60 -
{_LINES}
"""

HARSH = Settings(
    fan_out=1, fault_s=30, rounds=8, records=12, deadline_records=0, cases=0, has_floor=False, schedule=read_schedule(_HARSH),
    change=Change.NONE,
)
"""Loss, repeats and crashes at every point of a turn."""
TOLD = replace(HARSH, cases=12)
"""The same, and people open cases and answer them."""
RELEASED = replace(HARSH, change=Change.RELEASE_ROWS)
"""The same, and what was held back is released in the middle."""
LIFTED = replace(HARSH, change=Change.LIFT_ROWS)
"""What was denied is let pass later."""
DENIED = replace(HARSH, change=Change.DENY_ROWS)
"""The same, and what was free is forbidden in the middle."""
OVERTAKEN = replace(HARSH, rounds=20, schedule=read_schedule(_OVERTAKES), change=Change.DENY_ROWS)
"""On a slow network a stricter policy reaches receivers before senders, so that frames under way are refused."""
LATE = replace(HARSH, rounds=24, schedule=read_schedule(_LATE))
"""A city that hears late of its province's policy and passes data on before it: who has not heard refuses what is returned."""
CHANGING = replace(HARSH, rounds=4, schedule=read_schedule(_CHANGING), change=Change.DENY_ROWS)
"""The policy changes while a frame is being decided at every hop."""
WINDOW = replace(RELEASED, rounds=29, schedule=read_schedule(_WINDOW + "15000000 policy p0 - 0 0 -\n"))
"""Much under way at once, and sessions that end in the middle of it."""
DISKS = replace(HARSH, schedule=read_schedule(_DISKS))
"""Full, exchanged and lost disks."""
BACKLOG = replace(HARSH, rounds=2, schedule=(), deadline_records=9_000)
"""No faults: a backlog drains over thin links while alarms are made."""
RESTORED = replace(HARSH, schedule=read_schedule(_RESTORED))
"""A backup of a grid node is put back, and nobody says so."""
CLONED = replace(HARSH, schedule=read_schedule(_CLONED))
"""A clone of a grid node writes in its place, and both were offline."""
COPIED_CITY = replace(HARSH, schedule=read_schedule(_COPIED_CITY))
"""A backup of a city writes to its district before the province shows that the lost disk had written too."""
MOVED = replace(HARSH, schedule=read_schedule(_MOVED))
"""A node gets another parent while the old one has a backlog."""
MOVED_TWICE = replace(HARSH, schedule=read_schedule(_MOVED_TWICE))
GARBLED = replace(HARSH, schedule=read_schedule(_GARBLED))
"""Bytes of frames are wrong on the whole way up."""
ROTTEN_BELOW = replace(HARSH, schedule=read_schedule(_ROTTEN_BELOW))
"""Payloads rot that are to go down, their source is away, and the child comes back before it."""
ROTTEN = replace(HARSH, schedule=read_schedule(_ROTTEN))
"""Stored payloads are damaged."""
REPLAYED = replace(HARSH, schedule=read_schedule(_REPLAYED))
"""Old messages come again, all the time."""
STALE = replace(HARSH, schedule=read_schedule(_STALE))
"""A node believes for a while that no policy is in its dates."""
STALE_LISTED = replace(STALE, schedule=read_schedule(_STALE.replace("d11", "g1111")), change=Change.RELEASE_ROWS)
"""A grid node believes so, and an entry of the negative list with the same end of validity holds rows back."""
BEHIND = replace(HARSH, schedule=read_schedule(_BEHIND))
"""A province with a wrong clock refuses what a city with a small disk has for it."""
SMALL = replace(HARSH, records=400, schedule=read_schedule(_SMALL))
"""A street with a small disk gets more than it can send."""
CRAMMED = replace(SMALL, schedule=read_schedule(_CRAMMED))
"""A grid node with a small disk makes far more than it can hold."""
