"""The table of planted bugs: one line for each safety rule, with the plan it is tried under and a seed that is known to catch it."""

from __future__ import annotations

from collections.abc import Callable

from simulations.planted import engine, policy, shell
from simulations.planted.harness import Mutation, Planting
from simulations.planted.plans import BACKLOG, DENIED, DISKS, HARSH, OVERTAKEN, RELEASED, WINDOW
from simulations.run import Settings

_ROWS: tuple[tuple[Callable[[Planting], None], str, Settings, int], ...] = (
    (shell.ack_before_commit, "acknowledge after the commit", HARSH, 0),
    (shell.sends_before_commit, "send after the commit", HARSH, 0),
    (shell.position_without_its_batch, "a batch and its position are one transaction", HARSH, 0),
    (shell.full_disk_swallowed, "what cannot be stored is refused", DISKS, 0),
    (shell.foreign_disk_accepted, "a node starts from no other node's disk", DISKS, 0),
    (shell.numbers_used_again, "a number is given out once", HARSH, 0),
    (shell.incarnation_used_again, "a node that lost its disk is another life", DISKS, 0),
    (shell.books_not_written, "what became of each number is durable", HARSH, 0),
    (shell.duplicates_shown, "readers skip duplicates", RELEASED, 0),
    (engine.nothing_is_a_duplicate, "each record is applied once", HARSH, 0),
    (engine.high_water_not_checked, "what is stored is not stored again", HARSH, 4),
    (engine.gap_accepted, "nothing is skipped", HARSH, 0),
    (engine.half_known_run_taken_whole, "only the unknown part of a run is new", RELEASED, 0),
    (engine.chain_not_extended, "a position carries its history", HARSH, 0),
    (engine.position_after_the_first_part, "a span is stored when all of it is", WINDOW, 0),
    (engine.journal_skipped, "the whole journal is read for a peer", HARSH, 0),
    (engine.own_mark_trusted, "a receiver that lost its disk gets everything again", DISKS, 0),
    (engine.ledger_not_written, "nothing leaves that the ledger does not know", HARSH, 0),
    (engine.refusal_forgotten, "a refusal is noted and told again", OVERTAKEN, 0),
    (engine.release_without_requeue, "a new policy decides again what was held back", RELEASED, 0),
    (engine.requeued_as_new, "a record put back is live once", RELEASED, 0),
    (engine.requeued_as_live, "what is out of order says that it is a backfill", RELEASED, 0),
    (engine.alarms_behind_the_backlog, "alarms go first", BACKLOG, 0),
    (engine.alarms_linger, "alarms do not wait for company", BACKLOG, 0),
    (policy.sender_gate_off, "the sender's gate decides", HARSH, 0),
    (policy.both_gates_off, "nothing goes above its ceiling", HARSH, 0),
    (policy.rows_not_looked_at, "a forbidden row does not pass in an allowed batch", DENIED, 0),
    (policy.masks_off, "what must be masked is masked", HARSH, 0),
    (policy.returned_to_everybody, "what comes down goes where it belongs", HARSH, 0),
    (policy.returned_data_goes_up, "what came down does not go up again", HARSH, 0),
    (policy.older_policy_taken, "an older policy never replaces a newer one", DENIED, 0),
    (policy.withheld_runs_dropped, "what is held back is accounted for above", HARSH, 0),
    (policy.held_batches_lost, "what was held back is still there", RELEASED, 0),
    (policy.rows_mixed_up, "a record keeps its number", HARSH, 0),
    (policy.rows_left_out, "every part of a span goes", HARSH, 0),
)


MUTATIONS: tuple[Mutation, ...] = tuple(
    Mutation(plant.__name__.replace("_", "-"), rule, plant, settings, seed) for plant, rule, settings, seed in _ROWS
)
