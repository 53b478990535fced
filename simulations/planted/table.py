"""The table of planted bugs: one line for each safety rule, with the plan it is tried under and a seed that is known to catch it."""

from __future__ import annotations

from collections.abc import Callable

from simulations.planted import engine, hard_days, policy, shell, verdicts
from simulations.planted.harness import Mutation, Planting
from simulations.planted.plans import (
    BACKLOG,
    BEHIND,
    CHANGING,
    CLONED,
    COPIED_CITY,
    CRAMMED,
    DENIED,
    DISKS,
    GARBLED,
    HARSH,
    LATE,
    LIFTED,
    MOVED,
    MOVED_TWICE,
    OVERTAKEN,
    RELEASED,
    REPLAYED,
    RESTORED,
    ROTTEN,
    ROTTEN_BELOW,
    SMALL,
    STALE,
    STALE_LISTED,
    WINDOW,
)
from simulations.run import Settings

_ROWS: tuple[tuple[Callable[[Planting], None], str, Settings, int], ...] = (
    (shell.ack_before_commit, "acknowledge after the commit", HARSH, 0),
    (shell.sends_before_commit, "send after the commit", HARSH, 17),
    (shell.position_without_its_batch, "a batch and its position are one transaction", HARSH, 0),
    (shell.full_disk_swallowed, "what cannot be stored is refused", DISKS, 0),
    (shell.foreign_disk_accepted, "a node starts from no other node's disk", DISKS, 0),
    (shell.numbers_used_again, "a number is given out once", HARSH, 0),
    (shell.books_not_written, "what became of each number is durable", HARSH, 0),
    (shell.duplicates_shown, "readers skip duplicates", RELEASED, 0),
    (engine.nothing_is_a_duplicate, "each record is applied once", HARSH, 0),
    (engine.high_water_not_checked, "what is stored is not stored again", HARSH, 28),
    (engine.gap_accepted, "nothing is skipped", HARSH, 0),
    (engine.half_known_run_taken_whole, "only the unknown part of a run is new", RELEASED, 0),
    (engine.chain_not_extended, "a position carries its history", HARSH, 0),
    (engine.position_after_the_first_part, "a span is stored when all of it is", WINDOW, 0),
    (engine.journal_skipped, "the whole journal is read for a peer", HARSH, 9),
    (engine.own_mark_trusted, "a receiver that lost its disk gets everything again", DISKS, 0),
    (engine.ledger_not_written, "nothing leaves that the ledger does not know", HARSH, 0),
    (engine.refusal_forgotten, "a refusal is noted and told again", OVERTAKEN, 0),
    (verdicts.refusal_for_ever, "a refusal is tried again once the peer's policy moved", LATE, 0),
    (verdicts.stale_decision_used, "a stale decision is taken back", CHANGING, 0),
    (engine.release_without_requeue, "a new policy decides again what was held back", RELEASED, 3),
    (engine.requeued_as_new, "a record put back is live once", RELEASED, 0),
    (engine.alarms_behind_the_backlog, "alarms go first", BACKLOG, 0),
    (engine.alarms_linger, "alarms do not wait for company", BACKLOG, 0),
    (policy.sender_gate_off, "the sender's gate decides", HARSH, 0),
    (policy.both_gates_off, "nothing goes above its ceiling", HARSH, 0),
    (policy.rows_not_looked_at, "a forbidden row does not pass in an allowed batch", DENIED, 0),
    (policy.masks_off, "what must be masked is masked", HARSH, 1),
    (policy.returned_to_everybody, "what comes down goes where it belongs", HARSH, 0),
    (policy.returned_data_goes_up, "what came down does not go up again", HARSH, 0),
    (policy.older_policy_taken, "an older policy never replaces a newer one", DENIED, 0),
    (policy.entries_end_in_degraded_mode, "without a policy in its dates the negative list stays in force", STALE_LISTED, 0),
    (policy.withheld_runs_dropped, "what is held back is accounted for above", HARSH, 0),
    (policy.held_batches_lost, "what was held back is still there", RELEASED, 0),
    (policy.denied_for_ever, "what an entry denied goes when the entry ends", LIFTED, 0),
    (policy.rows_mixed_up, "a record keeps its number", HARSH, 0),
    (policy.rows_left_out, "every part of a span goes", HARSH, 0),
    (hard_days.fork_not_seen, "another history of a node stops the link", RESTORED, 0),
    (hard_days.numbers_of_a_copy_kept, "what two copies wrote apart gets new numbers", CLONED, 0),
    (hard_days.known_before_sent_again, "what a neighbour has by former numbers does not go to it again", COPIED_CITY, 0),
    (hard_days.handed_over_unseen, "what the old parent lacks goes to the new one whole", MOVED, 0),
    (hard_days.order_not_obeyed, "a node goes where an order puts it", MOVED, 0),
    (hard_days.older_order_taken, "the newest order is in force", MOVED_TWICE, 0),
    (hard_days.damaged_frame_stored, "a frame is what its sender signed", GARBLED, 1),
    (hard_days.rot_not_noticed, "a stored payload is held against its hash", ROTTEN, 0),
    (hard_days.damage_not_repaired, "a damaged batch is got back from a neighbour", ROTTEN, 0),
    (hard_days.passed_over_kept_back, "what returned while its batch was aside comes after", ROTTEN_BELOW, 2),
    (hard_days.old_acknowledgement_taken, "an old acknowledgement takes no mark back", REPLAYED, 0),
    (hard_days.dates_not_watched, "what a wrong clock held back is decided again", STALE, 0),
    (hard_days.highest_lane_shed_first, "the lowest lane is shed first", SMALL, 0),
    (hard_days.newest_shed_first, "the oldest of a lane is shed first", SMALL, 0),
    (hard_days.freed_before_delivered, "nothing counts as delivered before it is", SMALL, 0),
    (hard_days.refused_counts_as_delivered, "what a peer refused for a time is kept for it", BEHIND, 0),
    (hard_days.doors_never_close, "a full journal refuses", CRAMMED, 0),
    (hard_days.shed_in_silence, "what is shed is accounted for above", SMALL, 0),
)


MUTATIONS: tuple[Mutation, ...] = tuple(
    Mutation(plant.__name__.replace("_", "-"), rule, plant, settings, seed) for plant, rule, settings, seed in _ROWS
)
