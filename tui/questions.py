"""The questions the console asks, one per page or detail; every page names them from here."""

from __future__ import annotations

from tui.answers import (
    Devices,
    DeviceShown,
    Events,
    Evidence,
    Explanation,
    Incident,
    Incidents,
    Resources,
    SensorAlarms,
    Specimen,
    Status,
    Tree,
)
from tui.camera_answers import Directory, RuleVerdicts
from tui.case_answers import EntryCase, EntryCases, Register
from tui.feed import Question
from tui.oversight_answers import LogPage, LogVerdict, Returns, Scores

EVENTS_MAX = 500
INCIDENTS_MAX = 500
DEVICES_MAX = 5_000
WAITING_MAX = 500
SETTLED_MAX = 200
"""Cases of entries that wait, and those approved or decided; the command line lists more."""
SETTLED_LASTS_S = 5.0
REGISTER_LASTS_S = 10.0
"""The node folds every case it lists, so what seldom changes is not asked every second."""
DEVICE_LASTS_S = 2.0
INCIDENT_LASTS_S = 2.0
LOG_PAGE = 200
"""Entries of the audit log on one page."""
LOG_LASTS_S = 5.0
OVERSIGHT_LASTS_S = 5.0
RULES_LASTS_S = 20.0
"""The node looks at hundreds of events for it."""
BELOW_LASTS_S = 5.0
DIRECTORY_MAX = 500
VERIFY_TIMEOUT_S = 3_600.0
"""A walk over a long log takes its time; the console goes on meanwhile."""

TREE = Question("tree", Tree)
STATUS = Question("status", Status)
EVENTS = Question("events", Events, (("limit", EVENTS_MAX),))
NEWEST = Question("events", Events, (("limit", 1),))
INCIDENTS = Question("incidents", Incidents, (("limit", INCIDENTS_MAX),))
DEVICES = Question("devices", Devices, (("limit", DEVICES_MAX),))
ALARMS = Question("sensor_alarms", SensorAlarms)
ALARMS_BELOW = Question("sensor_alarms_below", SensorAlarms, lasts_s=BELOW_LASTS_S)
RULES = Question("rule_verdicts", RuleVerdicts, lasts_s=RULES_LASTS_S)
DIRECTORY = Question("camera_directory", Directory, (("limit", DIRECTORY_MAX),), lasts_s=BELOW_LASTS_S)
RESOURCES = Question("resources", Resources)
WAITING = Question("entry_list", EntryCases, (("states", ("proposed", "reviewed")), ("limit", WAITING_MAX)))
APPROVED = Question("entry_list", EntryCases, (("states", ("approved",)), ("limit", SETTLED_MAX)), lasts_s=SETTLED_LASTS_S)
DECIDED = Question(
    "entry_list", EntryCases, (("states", ("refused", "withdrawn", "revoked")), ("limit", SETTLED_MAX)), lasts_s=SETTLED_LASTS_S
)
RETURNS = Question("returns", Returns, lasts_s=OVERSIGHT_LASTS_S)
SCORES = Question("quality_scores", Scores, lasts_s=OVERSIGHT_LASTS_S)
VERDICT = Question("audit_verify", LogVerdict, timeout_s=VERIFY_TIMEOUT_S)
"""Asked when somebody wants it, never by the round."""
REGISTER = Question("entry_register", Register, lasts_s=REGISTER_LASTS_S)


def device_shown(name: str) -> Question[DeviceShown]:
    """One device whole."""
    return Question("device_show", DeviceShown, (("device", name),), lasts_s=DEVICE_LASTS_S)


def rule_verdicts(camera: str, rule: str = "") -> Question[RuleVerdicts]:
    """How often a rule of a camera of the answering node, or all of the camera, were right."""
    return Question("rule_verdicts", RuleVerdicts, (("camera", camera), ("rule", rule)), lasts_s=RULES_LASTS_S)


def incident_shown(incident_id: str) -> Question[Incident]:
    """One incident, however old."""
    return Question("incident_show", Incident, (("id", incident_id),), lasts_s=INCIDENT_LASTS_S)


def entry_case(case_id: str) -> Question[EntryCase]:
    """The case of one entry, whole."""
    return Question("entry_show", EntryCase, (("id", case_id),))


def evidence(sha256: str) -> Question[Evidence]:
    """The picture with this hash; it never changes."""
    return Question("evidence", Evidence, (("sha256", sha256),), once=True)


def specimen(resource: str, *, lasts_s: float = 0.0, policy: str = "") -> Question[Specimen]:
    """The fictitious specimen of `resource` in all its forms, good for `lasts_s` seconds or until `policy` is another version."""
    return Question("specimen", Specimen, (("resource", resource),), lasts_s=lasts_s, basis=policy)


def explain(resource: str, direction: str, distance: int) -> Question[Explanation]:
    """Why `resource` goes `direction` (up or return) over `distance` levels as it does."""
    return Question("explain", Explanation, (("resource", resource), ("direction", direction), ("distance", distance)))


def audit_page(
    kinds: tuple[str, ...] = (), *, subject: str = "", before_seq: int | None = None, limit: int = LOG_PAGE
) -> Question[LogPage]:
    """A page of the audit log; the newest is asked anew, an older one never changes."""
    before = (("before_seq", before_seq),) if before_seq is not None else ()
    chosen = (("kinds", kinds),) if kinds else ()
    about = (("subject", subject),) if subject else ()
    return Question("audit_log", LogPage, (*chosen, *about, *before, ("limit", limit)), once=before_seq is not None, lasts_s=LOG_LASTS_S)
