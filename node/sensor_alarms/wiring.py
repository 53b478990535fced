"""The sensor desk put together from the parts of a node. Called by node/wiring.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from node.assembly import Parts
from node.ingest.handing_in import HandingIn
from node.policy.showing import OPEN_CLEARANCE
from node.sensor_alarms.alarm import FIELDS
from node.sensor_alarms.bounds import Group, LimitTable
from node.sensor_alarms.desk import RECALLED_MAX, SensorDesk
from node.sensor_alarms.errors import WatchDamaged
from node.sensor_alarms.store import FILE_NAME, WatchStore
from node.sensor_alarms.watcher import Watcher, silent_for_long
from node.store.records import newest_rows
from node.store.side_file import open_or_begin_anew
from policies.viewing import viewing_plan

LOSS = "what is usual of each sensor is learnt anew"


def sensors_of(parts: Parts, sensors: Callable[[], Sequence[str]], handing_in: HandingIn) -> SensorDesk:
    """The desk; raises WatchError when its file cannot be opened now."""
    config, journal = parts.config, parts.journal
    store = open_or_begin_anew(config.data_dir / FILE_NAME, WatchStore, damaged=WatchDamaged, loss=LOSS)
    learnt = store.learnt(parts.me.incarnation)
    gone = set(silent_for_long(learnt.states, now_us=parts.clock.wall_us()))
    store.forget(gone)
    states = {key: state for key, state in learnt.states.items() if key not in gone}
    groups = [Group.of(entry) for entry in config.sensors.groups]
    resources = parts.policy.ruleset.resources
    targets = [code for code, each in resources.items() if each.lineage and tuple(item.name for item in each.fields) == FIELDS]
    known = frozenset(str(row["alarm_id"]) for code in targets for row in newest_rows(journal, code, limit=RECALLED_MAX))

    def shown_up_to(code: str) -> int:
        gate = parts.policy.gate
        if parts.policy.closed(code) or code not in parts.policy.ruleset.resources:
            return 0
        plan = viewing_plan(gate.book, code, clearance=OPEN_CLEARANCE, level=gate.station.level)
        return 0 if plan.base.columns or not plan.base.verdict.passes else plan.grade_free

    return SensorDesk(
        me=parts.me.node,
        store=store,
        watcher=Watcher(LimitTable(config.sensors.limits), groups, states),
        journal=journal,
        sensors=sensors,
        resources=lambda: parts.policy.ruleset.resources,
        hand_in=handing_in.store,
        shown_up_to=shown_up_to,
        clock=parts.clock,
        learnt=learnt,
        known=known,
    )
