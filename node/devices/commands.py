"""The commands of a running node: issues them, queues those for its own devices, and says what became of each.

Every step is a fact of a case, stored before it has effect: a command survives a restart, and levels above see how it ends. A device may be
given a command twice (a crash between its PUBACK and the fact); the command's id tells it. Refuses what the device's profile does not
allow, and more than its queue takes. Called by the API, by the door through the outbox, and by the background of the appliance.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from node.cases.changes import ChangedCases
from node.cases.desk import CaseDesk
from node.cases.errors import CaseRefused, CaseUnknown
from node.cases.kind import Case, Party
from node.clock import Clock
from node.devices.allowed import checked, commands_of
from node.devices.errors import CommandRefused, CommandUnknown, DeviceUnknown
from node.devices.kind import ANSWERS, BY_NODE, COMMAND, EXPIRES_S_MAX, ISSUER, KEEPER, OPEN_STATES, device_of
from node.devices.outbox import NODE_COMMANDS_MAX, Answer, CommandOutbox, Waiting
from node.errors import NodeError
from node.ingest.device import Admission
from node.ingest.devices import DeviceRegistry
from node.ingest.profiles import Profile
from sync.model import MICROSECONDS

LOOK_EVERY_S = 1.0
"""How often it is looked for commands that expired."""
RETRY_S = 2.0
"""After a fact that could not be stored."""
AT_ONCE_MAX = 16
"""Facts that are on their way into the journal together."""
UNHEARD_US = 60 * MICROSECONDS
"""How long after its end the issuer waits for the keeper's word before it says itself that a command expired."""
BY_CHARS_MAX = 200
REMEMBERED_AT_START, RECENT_MAX = 2_000, 50
"""Newest commands that a start looks at; commands of one device that are remembered."""
COMMANDED_PROTOCOL = "mqtt"
"""Protocol of devices that take commands; of one that never spoke it is not known yet."""
FAULT = "commands_not_kept"

log = logging.getLogger("yunnao.devices")


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants of a device."""

    device: str
    name: str
    arguments: Mapping[str, object]
    expires_s: float
    by: str
    why: str = ""
    node: str = ""
    """Where the device is; empty for this node."""
    territory: str = ""


@dataclass(frozen=True, slots=True)
class _Job:
    """A fact that is to be said, and whom to tell when it is durable or never will be."""

    case_id: str
    word: str
    body: Mapping[str, object]
    by: str
    done: Callable[[], None] = lambda: None


@dataclass(slots=True)
class CommandDesk:
    """One node's commands."""

    cases: CaseDesk
    registry: DeviceRegistry
    profile: Callable[[str], Profile | None]
    """A profile by its name."""
    find: Callable[[str, str], Awaitable[Party]]
    """A node by its id, and its territory where that is given; raises CaseRefused for one that is not found."""
    clock: Clock
    wake: Callable[[str], None] = lambda client: None
    """Tells the door that something new waits for a client. Set by node/appliance.py."""
    fault: str = ""
    outbox: CommandOutbox = field(init=False)
    _changed: ChangedCases = field(init=False)
    _jobs: deque[_Job] = field(default_factory=deque)
    _ending: set[str] = field(default_factory=set)
    """Commands that are being said to have expired."""
    _answers: dict[str, list[Callable[[], None]]] = field(default_factory=dict)
    """By command who waits until its answer is durable: a device may say it again meanwhile."""
    _issued: dict[str, int] = field(default_factory=dict)
    """Commands for devices of other nodes that nobody took yet, and when they expire."""
    _recent: dict[str, dict[str, None]] = field(default_factory=dict)
    """By device the commands that were heard of last, bounded: lists need not fold every command there ever was."""
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _is_stopping: bool = False

    def __post_init__(self) -> None:
        """Hear of every command that changes, and of what devices do."""
        self.outbox = CommandOutbox(self._handed, self._answered)
        self._changed = ChangedCases(self.cases, COMMAND, self._news.set)

    def troubles(self) -> list[str]:
        """Words for the status."""
        return [FAULT] * bool(self.fault)

    # ---- what people do

    async def issue(self, order: Order) -> Case:
        """Issue a command. Raises DeviceUnknown, CommandRefused, CaseRefused, NoRoom."""
        me = self.cases.me
        is_mine = order.node in ("", me.node)
        if not 0 < order.expires_s <= EXPIRES_S_MAX:
            raise CommandRefused(f"command {order.name} refused: it may wait from a moment to {EXPIRES_S_MAX // 86_400} days")
        arguments = self._checked(order.device, order.name, order.arguments) if is_mine else dict(order.arguments)
        keeper = me if is_mine else await self._keeper(order)
        expires_us = self.clock.wall_us() + round(order.expires_s * MICROSECONDS)
        body = {"device": order.device, "command": order.name, "arguments": arguments, "expires_us": expires_us}
        if order.why:
            body["why"] = order.why
        return await self.cases.open(COMMAND, body, by=order.by, parties={KEEPER: keeper})

    async def _keeper(self, order: Order) -> Party:
        try:
            return await self.find(order.node, order.territory)
        except CaseRefused as error:
            raise CommandRefused(str(error).replace("request refused", "command refused", 1)) from None

    async def withdraw(self, case_id: str, *, by: str, why: str) -> Case:
        """Take back a command that the device does not have yet. Raises CommandUnknown, CaseRefused, NoRoom."""
        try:
            return await self.cases.say(COMMAND, case_id, "withdraw", {"why": why} if why else {}, by=by)
        except CaseUnknown:
            raise CommandUnknown(case_id) from None

    async def wait_settled(self, case: Case, seconds: float) -> Case:
        """The command once nothing more comes of it, or as it is when the time is over. Raises CaseUnknown."""
        return await self._changed.wait_settled(case, seconds)

    def _checked(self, name: str, command: str, arguments: Mapping[str, object]) -> dict[str, object]:
        """The arguments as they are sent. Raises DeviceUnknown, CommandRefused."""
        device = self.registry.known(name)
        if device is None:
            raise DeviceUnknown(f"device {name!r} is not known here: `yunnao device` lists those that are; of a node below, give --node")
        if device.state is not Admission.ADMITTED:
            raise CommandRefused(f"command {command} refused: device {name} is {device.state.value}; admit it first")
        if device.protocol not in ("", COMMANDED_PROTOCOL):
            raise CommandRefused(f"command {command} refused: device {name} speaks {device.protocol}, and commands go out by MQTT alone")
        if why := self.outbox.room_for(name):
            raise CommandRefused(f"command {command} refused: {why}")
        return dict(checked(commands_of(self.profile(device.card.profile)), command, arguments))

    # ---- what devices do

    def _handed(self, case_id: str) -> None:
        self._say(case_id, "hand", {})

    def _answered(self, case_id: str, answer: Answer, on_stored: Callable[[], None]) -> None:
        waiters = self._answers.setdefault(case_id, [])
        waiters.append(on_stored)
        if len(waiters) > 1:
            return
        text = "".join(char if char.isprintable() else "?" for char in answer.text)
        body = {"result": answer.result} | ({"why": text or "the device gives no reason"} if answer.result != "done" or text else {})
        device = next((each.device for each in self.outbox.all() if each.id == case_id), "")
        self._say(case_id, ANSWERS[answer.result], body, by=f"device {device}"[:BY_CHARS_MAX], done=lambda: self._acknowledge(case_id))

    def _acknowledge(self, case_id: str) -> None:
        for on_stored in self._answers.pop(case_id, []):
            on_stored()

    def _say(
        self, case_id: str, word: str, body: Mapping[str, object], *, by: str = BY_NODE, done: Callable[[], None] = lambda: None
    ) -> None:
        self._jobs.append(_Job(case_id, word, body, by, done))
        self._news.set()

    # ---- in the background

    async def run(self) -> None:
        """Follow commands for as long as the node runs. What fails is said and tried again: a node that gives no commands stores on."""
        is_loaded = False
        while not self._is_stopping:
            self._news.clear()
            try:
                if not is_loaded:
                    await self.load()
                    is_loaded = True
                await self.look()
                self.fault = ""
            except NodeError as error:
                self._complain(error)
                await asyncio.sleep(RETRY_S)
            await self._wait()

    def _complain(self, error: NodeError) -> None:
        if str(error) != self.fault and not self._is_stopping:
            log.warning("commands not followed: %s", error)
        self.fault = str(error)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._news.wait()
        except TimeoutError:
            return

    async def stop(self) -> None:
        """Say nothing more: the files under the cases are closed next, and what is left is taken up by the next life."""
        self._is_stopping = True

    async def load(self) -> None:
        """Take up what a life of the process before this one left. Raises CaseError."""
        register = self.cases.register
        await self.cases.follow()
        newest = await asyncio.to_thread(lambda: register.cases(COMMAND, limit=REMEMBERED_AT_START))
        found = await asyncio.to_thread(lambda: register.cases(COMMAND, states=OPEN_STATES, limit=NODE_COMMANDS_MAX))
        for case in reversed(newest):
            self._remember(case)
        for case in sorted(found, key=lambda case: case.opened_us):
            self._take(case)

    def recent(self, device: str) -> list[str]:
        """Ids of the newest commands to a device, the newest first."""
        return list(reversed(self._recent.get(device, {})))

    def _remember(self, case: Case) -> None:
        known = self._recent.setdefault(device_of(case), {})
        known[case.id] = None
        if len(known) > RECENT_MAX:
            del known[next(iter(known))]
        if len(self._recent) > NODE_COMMANDS_MAX:
            del self._recent[next(iter(self._recent))]

    async def look(self) -> None:
        """Take what changed, say what is to be said. Raises CaseError, NoRoom, AuditRefused; then nothing is lost."""
        self._expire()
        while self._changed or self._jobs:
            await self._changed.take(self._take)
            await self._say_some()

    def _take(self, case: Case) -> None:
        """Do what a command as it is now needs of this node."""
        me, body = self.cases.me.node, case.opening.body
        self._remember(case)
        if case.parties[KEEPER].node != me:
            self._watch(case)
            return
        device = device_of(case)
        if case.state == "issued":
            self._judge(case, device)
        elif case.state in OPEN_STATES:
            # As the keeper queued it: what was typed as text may be a number by its profile.
            command = Waiting(case.id, device, str(body["command"]), _table(case.data.get("arguments")), _whole(body["expires_us"]))
            self.outbox.put(command, is_handed=case.state == "handed")
            self.wake(device)
        else:
            self.outbox.settle(case.id, device)
            self._ending.discard(case.id)

    def _watch(self, case: Case) -> None:
        """A command for a device of another node: when nobody took it until it expired, its issuer says so."""
        if case.state == "issued" and case.parties[ISSUER].node == self.cases.me.node:
            self._issued[case.id] = _whole(case.opening.body["expires_us"])
        else:
            self._issued.pop(case.id, None)
            self._ending.discard(case.id)

    def _judge(self, case: Case, device: str) -> None:
        """A command that is new: it is queued, or refused with the reason."""
        body = case.opening.body
        name, expires_us = str(body["command"]), _whole(body["expires_us"])
        if case.id in self.outbox:
            return
        if expires_us <= self.clock.wall_us():
            self._end(case.id)
            return
        try:
            arguments = self._checked(device, name, _table(body.get("arguments")))
        except (CommandRefused, DeviceUnknown) as error:
            self._say(case.id, "refuse", {"why": str(error)})
            return
        self.outbox.put(Waiting(case.id, device, name, arguments, expires_us, is_ready=False), is_handed=False)
        self._say(case.id, "queue", {"arguments": arguments})

    def _expire(self) -> None:
        now_us = self.clock.wall_us()
        for command in self.outbox.all():
            if command.expires_us <= now_us:
                self._end(command.id)
        for case_id, expires_us in self._issued.items():
            if expires_us + UNHEARD_US <= now_us:
                self._end(case_id)

    def _end(self, case_id: str) -> None:
        if case_id not in self._ending:
            self._ending.add(case_id)
            self._say(case_id, "expire", {})

    async def _say_some(self) -> None:
        """Say waiting facts, the first of each command; those that cannot be stored now stay the first."""
        chosen: dict[str, _Job] = {}
        later: deque[_Job] = deque()
        while self._jobs and len(chosen) < AT_ONCE_MAX:
            job = self._jobs.popleft()
            if job.case_id in chosen:
                later.append(job)
            else:
                chosen[job.case_id] = job
        self._jobs.extendleft(reversed(later))
        results = await asyncio.gather(*(self._said(job) for job in chosen.values()), return_exceptions=True)
        failed = [(job, error) for job, error in zip(chosen.values(), results, strict=True) if error is not None]
        self._jobs.extendleft(job for job, _ in reversed(failed))
        for _, error in failed:
            raise error

    async def _said(self, job: _Job) -> None:
        try:
            await self.cases.say(COMMAND, job.case_id, job.word, job.body, by=job.by)
        except CaseRefused as error:
            # The command was settled otherwise meanwhile, as its history says; whoever waits need not say it again.
            log.info("command %s: %s", job.case_id, error)
        job.done()


def _table(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
