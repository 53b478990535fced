"""Train `street-s` on rendered pictures and write its model.

    python -m training.train_street_s --out edge_ai/algorithms/street-s

Owns the course of the training; score_rendered.py then measures the model and writes its manifest. Runs in an environment of its own
(training/requirements.txt), never in the node. Two processes of one thread each render half of the pictures, then train the same net on
batches of their own and share their gradients: two threads of one process wait for each other on shared cores. The number of steps is
fixed, and everything random comes from seeds.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, distributed, multiprocessing

from training.street_data import Store, changed, targets
from training.street_net import StreetNet, export, loss_of

SEED = 20260
PROCESSES = 2
PICTURES = 10_000
FIRST_NUMBER = 1_000_000
"""Number of the first training picture; score_rendered.py takes others."""
STEPS = 2_800
BATCH = 16
"""Pictures of one process in a step."""
RATE_MAX = 3e-3
WARM_STEPS = 200
AVERAGED = 0.998
"""How much of the averaged weights a step keeps; these are what is written."""
SAVED_EVERY = 400
"""Steps."""


def batch_of(store: Store, rng: np.random.Generator) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Some pictures as input and target tensors."""
    chosen = rng.integers(len(store.pictures), size=BATCH)
    pairs = [changed(store.pictures[index], store.truths[index], rng) for index in chosen]
    maps = [targets(truths) for _, truths in pairs]
    stacked = [torch.from_numpy(np.stack([one[part] for one in maps])) for part in range(3)]
    pictures = torch.from_numpy(np.stack([pixels for pixels, _ in pairs])).permute(0, 3, 1, 2).float() / 255
    gain = torch.from_numpy(rng.uniform(0.75, 1.25, (BATCH, 1, 1, 1)) * rng.uniform(0.94, 1.06, (BATCH, 3, 1, 1))).float()
    return (pictures * gain).clamp(0, 1).contiguous(memory_format=torch.channels_last), (stacked[0], stacked[1], stacked[2])


def share_gradients(net: StreetNet) -> None:
    """Give every process the mean of all gradients."""
    gradients = [weight.grad for weight in net.parameters() if weight.grad is not None]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= PROCESSES
    for gradient, part in zip(gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def rate_at(step: int, steps: int) -> float:
    """The learning rate: up, then down along a cosine."""
    return float(RATE_MAX * min(1.0, (step + 1) / WARM_STEPS) * (0.5 + 0.5 * np.cos(np.pi * step / steps)) + 1e-5)


def average(kept: StreetNet, net: StreetNet, step: int) -> None:
    """Move the averaged weights towards the newest ones."""
    share = min(AVERAGED, (step + 1) / (step + 10))
    with torch.no_grad():
        for mean, newest in zip(kept.state_dict().values(), net.state_dict().values(), strict=True):
            if mean.dtype.is_floating_point:
                mean.mul_(share).add_(newest, alpha=1 - share)


def train(rank: int, folder: str, out: str, count: int, steps: int) -> None:
    """One process's part, from rendering to the last step; process 0 writes."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    began = time.monotonic()
    store = Store(Path(folder), count, new=False)
    store.render(FIRST_NUMBER, rank, PROCESSES)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=PROCESSES)
    distributed.barrier()
    if rank == 0:
        print(f"{count} pictures rendered in {time.monotonic() - began:.0f} s", flush=True)
    torch.manual_seed(SEED)
    net = StreetNet().to(memory_format=torch.channels_last).train()
    kept, rng = copy.deepcopy(net), np.random.default_rng([SEED, rank])
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE_MAX, weight_decay=5e-4)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step, steps)
        pictures, wanted = batch_of(store, rng)
        loss = loss_of(*net(pictures), wanted)
        optimiser.zero_grad()
        loss.backward()
        share_gradients(net)
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        average(kept, net, step)
        if rank == 0:
            _report(kept, Path(out), step + 1, steps, loss.item(), began)
    distributed.destroy_process_group()


def _report(kept: StreetNet, out: Path, step: int, steps: int, loss: float, began: float) -> None:
    if step % 50 == 0:
        used = time.process_time()
        print(f"step {step} of {steps}: loss {loss:.3f}, {time.monotonic() - began:.0f} s, {used:.0f} s of one processor", flush=True)
    if step % SAVED_EVERY == 0 or step == steps:
        export(copy.deepcopy(kept), out / "model.onnx")


def main() -> None:
    """Render, train, write `model.onnx`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=PICTURES)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--work", type=Path, help="folder for the pictures, 320 KB each; a temporary one where none is given")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        Store(Path(folder), options.pictures, new=True)
        multiprocessing.spawn(train, (folder, str(options.out), options.pictures, options.steps), PROCESSES)
    weights = sum(weight.numel() for weight in StreetNet().parameters())
    print(f"{weights} weights, {(options.out / 'model.onnx').stat().st_size} bytes")


if __name__ == "__main__":
    main()
