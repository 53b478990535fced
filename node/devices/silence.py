"""Which devices have fallen silent, and whether that is one device or something above them: a link, a broker, a power line. Pure.

A device is silent after three of its periods, and speaks again with its second message. Where many of one kind are late at once there is
one alarm about all of them. Silence is measured by the clock that only runs forward, and only while this process listens. Devices that were
never heard, or are not admitted, are not watched. Called by keeper.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from node.ingest.device import Admission, Device

SILENT_PERIODS, LATE_PERIODS = 3, 2
"""Periods without a message after which a device is silent; after which it counts as late where others are silent."""
QUIET_US_LEAST = 60_000_000
"""No device is silent before this, however fast it used to speak."""
BACK_AFTER = 2
"""Messages after which a silent device speaks again: one alone may be a last one."""
OUTAGE_LEAST, OUTAGE_SHARE = 5, 0.3
"""Devices of a kind, and share of it, that are late at once when one alarm stands for all."""
SINGLES_MAX = 20
"""Alarms of single devices of one kind; of more, one alarm stands for those that follow."""
OVER_SHARE = 0.15
"""Share of a kind below which an outage is over; those that are still silent get their own alarms."""
NEARLY_ALL = 0.9
"""Share of those who are late that makes a narrower group the one to name."""
_MARK = "|"


class Group(NamedTuple):
    """Devices that may fall silent together; an empty part means any."""

    resource: str
    profile: str = ""
    territory: str = ""

    @property
    def name(self) -> str:
        """What alarms call it."""
        return "/".join(part for part in (self.profile, self.territory) if part) or "*"


@dataclass(frozen=True, slots=True)
class Outage:
    """A group that is silent, since when (wall clock, microseconds)."""

    since_us: int
    group: Group

    @property
    def mark(self) -> str:
        """As its members keep it."""
        return _MARK.join((str(self.since_us), self.group.resource, self.group.profile, self.group.territory))

    @classmethod
    def of(cls, mark: str) -> Outage | None:
        """The outage that a member kept; None for what is none."""
        since, *parts = mark.split(_MARK)
        return cls(int(since), Group(*parts)) if len(parts) == 3 and since.isdigit() else None


@dataclass(frozen=True, slots=True)
class Change:
    """An alarm that begins or ends."""

    about: Device | Outage
    is_active: bool
    quiet_s: float = 0.0
    period_s: float = 0.0
    count: int = 0
    watched: int = 0


@dataclass(slots=True)
class _Ear:
    messages: int
    heard_us: int
    returned: int = 0


@dataclass(slots=True)
class _Tally:
    """Devices of each group at one look."""

    watched: Counter[Group]
    late: Counter[Group]
    singles: Counter[Group]
    """Those that have an alarm of their own."""


@dataclass(slots=True)
class SilenceWatch:
    """The watch over all devices of a node. What it finds it writes into the devices; `on_change` hears of each."""

    profile_s: Callable[[str], float]
    """Period that a profile names, seconds; 0 for none."""
    on_change: Callable[[Device], None]
    _ears: dict[str, _Ear] = field(default_factory=dict)
    _outages: dict[Group, Outage] = field(default_factory=dict)
    _is_resumed: bool = False
    _now_us: int = 0
    _periods_s: dict[str, float] = field(default_factory=dict)
    """By profile, of this look."""

    def look(self, devices: Iterable[Device], *, now_us: int, wall_us: int) -> list[Change]:
        """What began and ended since the last look. `now_us` only runs forward; the first look tells again what held before a restart."""
        known = list(devices)
        self._now_us, self._periods_s = now_us, {}
        changes = [] if self._is_resumed else self._resume(known)
        quiet = [device for device in known if self._is_quiet(device, changes)]
        due = [device for device in quiet if self._is_beyond(device, SILENT_PERIODS)]
        if due:
            changes += self._fall_silent(due, self._tally(known), known, wall_us)
        return changes + (self._over(known) if self._outages else [])

    def forget(self, names: Iterable[str]) -> None:
        """Devices that the registry no longer has."""
        for name in names:
            self._ears.pop(name, None)

    def _resume(self, devices: Sequence[Device]) -> list[Change]:
        self._is_resumed = True
        members = Counter(device.outage for device in devices if device.silent_since_us and device.outage)
        found = {mark: outage for mark in members if (outage := Outage.of(mark)) is not None}
        self._outages = {outage.group: outage for outage in found.values()}
        for device in devices:
            if device.outage not in found:
                device.outage = ""
        singles = [Change(device, is_active=True) for device in devices if device.silent_since_us and not device.outage]
        known = _counted(device for device in devices if device.state is Admission.ADMITTED and device.resource)
        return singles + [
            Change(outage, is_active=True, count=members[mark], watched=known[outage.group]) for mark, outage in found.items()
        ]

    def _is_quiet(self, device: Device, changes: list[Change]) -> bool:
        """True for a device that was not heard for long enough to look closer; one that speaks again is put into `changes`."""
        if device.state is not Admission.ADMITTED or not device.resource:
            if device.silent_since_us:
                changes += self._speak(device)
            self._ears.pop(device.name, None)
            return False
        ear = self._ears.get(device.name)
        if ear is None:
            ear = self._ears[device.name] = _Ear(device.messages, self._now_us)
        if device.messages != ear.messages:
            ear.returned += (device.messages - ear.messages) * bool(device.silent_since_us)
            ear.messages, ear.heard_us = device.messages, self._now_us
        if device.silent_since_us:
            if ear.returned >= BACK_AFTER:
                changes += self._speak(device)
            return False
        return self._now_us - ear.heard_us > QUIET_US_LEAST

    def _is_beyond(self, device: Device, periods: int) -> bool:
        """True when nothing was heard for so many of its periods; never for a device without one."""
        period_us = self._period_us(device)
        return bool(period_us) and self._quiet_us(device) > max(periods * period_us, periods / SILENT_PERIODS * QUIET_US_LEAST)

    def _is_late(self, device: Device) -> bool:
        return bool(device.silent_since_us) or self._is_beyond(device, LATE_PERIODS)

    def _is_watched(self, device: Device) -> bool:
        return device.name in self._ears and (bool(device.silent_since_us) or self._period_us(device) > 0)

    def _period_us(self, device: Device) -> float:
        profile = device.card.profile
        if profile not in self._periods_s:
            self._periods_s[profile] = self.profile_s(profile)
        return device.period_us(self._periods_s[profile])

    def _quiet_us(self, device: Device) -> int:
        return self._now_us - self._ears[device.name].heard_us

    def _tally(self, devices: Iterable[Device]) -> _Tally:
        watched = [device for device in devices if self._is_watched(device)]
        late = [device for device in watched if self._is_late(device)]
        singles = [device for device in late if device.silent_since_us and not device.outage]
        return _Tally(_counted(watched), _counted(late), _counted(singles))

    def _speak(self, device: Device) -> list[Change]:
        """The end of a silence; nothing to tell where the alarm is about its group."""
        was_single, device.silent_since_us, device.outage = not device.outage, 0, ""
        self._ears[device.name].returned = 0
        self.on_change(device)
        return [Change(device, is_active=False)] if was_single else []

    # ---- falling silent

    def _fall_silent(self, due: Sequence[Device], tally: _Tally, known: Sequence[Device], wall_us: int) -> list[Change]:
        changes: list[Change] = []
        for device in due:
            if device.silent_since_us:
                continue  # it is one of an outage that began with another of these
            groups = _groups(device)
            outage = next((self._outages[group] for group in groups if group in self._outages), None)
            if outage is not None:
                self._mark(device, wall_us, outage.mark)
            elif (group := _outage_among(tally, groups)) is not None:
                changes.append(self._begin(group, tally.watched[group], known, wall_us))
            else:
                self._mark(device, wall_us, "")
                tally.singles.update(groups)
                changes.append(self._change(device))
        return changes

    def _begin(self, group: Group, watched: int, known: Sequence[Device], wall_us: int) -> Change:
        """One alarm for all of the group that are late and have none of their own."""
        outage = self._outages[group] = Outage(wall_us, group)
        members = [
            device
            for device in known
            if not device.silent_since_us and group in _groups(device) and self._is_watched(device) and self._is_late(device)
        ]
        for device in members:
            self._mark(device, wall_us, outage.mark)
        return Change(outage, is_active=True, count=len(members), watched=watched)

    def _mark(self, device: Device, wall_us: int, outage: str) -> None:
        device.silent_since_us, device.outage = wall_us, outage
        self._ears[device.name].returned = 0
        self.on_change(device)

    def _change(self, device: Device) -> Change:
        """The beginning of a silence of its own."""
        return Change(device, is_active=True, quiet_s=self._quiet_us(device) / 1e6, period_s=self._period_us(device) / 1e6)

    # ---- the end of an outage

    def _over(self, known: Sequence[Device]) -> list[Change]:
        """Outages that are over, and alarms of their own for those that are still silent."""
        members: dict[str, list[Device]] = {}
        for device in known:
            if device.outage:
                members.setdefault(device.outage, []).append(device)
        changes: list[Change] = []
        for group, outage in list(self._outages.items()):
            left = members.get(outage.mark, [])
            if len(left) > SINGLES_MAX:
                continue
            tally = self._tally(known)
            size = tally.watched[group]
            is_over = len(left) < OUTAGE_LEAST or len(left) < OVER_SHARE * size
            if not left or (is_over and len(left) + tally.singles[group] <= SINGLES_MAX):
                del self._outages[group]
                changes.append(Change(outage, is_active=False, count=len(left), watched=size))
                changes += [self._alone(device) for device in left]
        return changes

    def _alone(self, device: Device) -> Change:
        device.outage = ""
        self.on_change(device)
        return self._change(device)


@lru_cache(maxsize=4_096)
def _groups_of(resource: str, profile: str, territory: str) -> tuple[Group, ...]:
    """What may fall silent together, the widest first."""
    return tuple(dict.fromkeys((Group(resource), Group(resource, profile), Group(resource, profile, territory))))


def _groups(device: Device) -> tuple[Group, ...]:
    return _groups_of(device.resource, device.card.profile, device.card.territory)


def _counted(devices: Iterable[Device]) -> Counter[Group]:
    """Devices by group, narrow and wide."""
    counts: Counter[Group] = Counter()
    for groups, count in Counter(map(_groups, devices)).items():
        for group in groups:
            counts[group] += count
    return counts


def _outage_among(tally: _Tally, groups: Sequence[Group]) -> Group | None:
    """Of groups, the widest first, the narrowest that has nearly all who are late; None when too few are."""
    fitting = [group for group in groups if _is_outage(tally, group)]
    if not fitting:
        return None
    least = NEARLY_ALL * tally.late[fitting[0]]
    return next(group for group in reversed(fitting) if tally.late[group] >= least)


def _is_outage(tally: _Tally, group: Group) -> bool:
    late = tally.late[group]
    return (late >= OUTAGE_LEAST and late >= OUTAGE_SHARE * tally.watched[group]) or tally.singles[group] >= SINGLES_MAX
