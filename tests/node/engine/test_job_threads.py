"""Few threads for many links: order inside a link, no link before all others, nothing after the end."""

from __future__ import annotations

from concurrent.futures import Future
from threading import Event, Lock, current_thread

from node.engine.job_threads import JobThreads

WAIT_S = 10.0


class Bench:
    """Jobs that note when they ran and on which thread."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.threads: set[str] = set()
        self._lock = Lock()

    def job(self, name: str) -> str:
        with self._lock:
            self.ran.append(name)
            self.threads.add(current_thread().name)
        return name


def forget(done: Future[str]) -> None:
    done.result()


def test_jobs_of_one_link_run_in_their_order_on_any_thread() -> None:
    bench, threads, last = Bench(), JobThreads[str](4), Event()
    names = [f"a{number}" for number in range(50)]
    for name in names:
        threads.submit("a", lambda name=name: bench.job(name), forget)  # type: ignore[misc]
    threads.submit("a", lambda: bench.job("last"), lambda done: last.set())
    assert last.wait(WAIT_S)
    threads.shutdown()
    assert bench.ran == [*names, "last"]


def test_five_hundred_links_share_a_few_threads() -> None:
    bench, threads, left, done = Bench(), JobThreads[str](3), [500], Event()

    def count(future: Future[str]) -> None:
        left[0] -= 1
        if not left[0]:
            done.set()

    for number in range(500):
        threads.submit(f"child-{number}", lambda number=number: bench.job(str(number)), count)  # type: ignore[misc]
    assert done.wait(WAIT_S)
    threads.shutdown()
    assert len(bench.ran) == 500
    assert len(bench.threads) <= 3


def test_a_busy_link_goes_behind_the_others_after_each_of_its_jobs() -> None:
    bench, threads, gate, last = Bench(), JobThreads[str](1), Event(), Event()
    threads.submit("busy", lambda: str(gate.wait(WAIT_S)), forget)
    for number in range(3):
        threads.submit("busy", lambda number=number: bench.job(f"busy{number}"), forget)  # type: ignore[misc]
    threads.submit("other", lambda: bench.job("other"), forget)
    threads.submit("busy", lambda: bench.job("end"), lambda done: last.set())
    gate.set()
    assert last.wait(WAIT_S)
    threads.shutdown()
    assert bench.ran[0] == "other"


def test_what_a_job_raises_reaches_its_listener_and_the_next_job_runs() -> None:
    threads, told, last = JobThreads[str](1), [], Event()

    def broken() -> str:
        raise OSError("the disk is gone")

    threads.submit("a", broken, lambda done: told.append(str(done.exception())))
    threads.submit("a", lambda: "fine", lambda done: last.set())
    assert last.wait(WAIT_S)
    threads.shutdown()
    assert told == ["the disk is gone"]


def test_after_the_end_nothing_runs() -> None:
    bench, threads, gate, begun = Bench(), JobThreads[str](1), Event(), Event()

    def slow() -> str:
        begun.set()
        gate.wait(WAIT_S)
        return bench.job("running")

    threads.submit("a", slow, lambda done: None)
    threads.submit("a", lambda: bench.job("waiting"), lambda done: None)
    assert begun.wait(WAIT_S)
    gate.set()
    threads.shutdown()
    threads.submit("a", lambda: bench.job("late"), lambda done: None)
    assert bench.ran[0] == "running"
    assert "late" not in bench.ran
