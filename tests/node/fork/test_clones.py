"""When two lives of one node count as clones."""

from __future__ import annotations

from node.fork.clones import NODES_MAX, QUIET_US, CloneWatch


def test_a_node_that_goes_from_one_life_to_the_next_is_no_clone() -> None:
    watch = CloneWatch()
    assert [watch.met("qd", life, 0) for life in (1, 1, 2, 2, 3)] == [None] * 5
    assert watch.suspicions(0) == []


def test_a_life_that_comes_back_is_suspected_until_all_has_been_quiet() -> None:
    watch = CloneWatch()
    for at, life in enumerate((1, 2, 1, 2)):
        watch.met("qd", life, at)
    (suspicion,) = watch.suspicions(3)
    assert (suspicion.incarnations, suspicion.since_us, suspicion.last_us, suspicion.turns) == ((2, 1), 2, 3, 2)
    assert watch.suspicions(3 + QUIET_US) == []


def test_the_node_met_longest_ago_is_forgotten_first() -> None:
    watch = CloneWatch()
    for number in range(NODES_MAX + 1):
        watch.met(f"node-{number}", 1, 0)
    watch.met("node-0", 2, 0)
    assert watch.met("node-0", 1, 0) is None
    assert len(watch._met) == NODES_MAX
