"""Train the crop classifier of `fire-smoke` on rendered scenes and write its model.

    python -m training.fire_train --out edge_ai/algorithms/fire-smoke

Owns the net; training/fire_score.py measures it and writes the manifest. Runs in an environment of its own
(training/requirements.txt), never in the node, on one thread and for a fixed number of steps, so that the same command gives the same net
on the same machine.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from edge_ai.detectors.fire_smoke_crops import PANELS, SIDE
from training.bare import strip_traces
from training.fire_data import CLASSES, SEED, TRAINING_SEEDS, samples

BATCH = 64
STEPS = 2_600
RATE_MAX = 3e-3
FORGIVEN = 0.05
"""Share of each label that is spread over all classes: a crop's class is a matter of degree."""


def separable(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    """A depthwise 3x3 and a pointwise convolution, each normalised and rectified."""
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False),
        nn.BatchNorm2d(inputs),
        nn.ReLU(),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class FireNet(nn.Module):
    """Strip [N, 3, 48, 192] in 0-1 to a score [N, 3] for each class, before softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3 * PANELS, 32, 3, 2, 1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            separable(32, 64, stride=2),
            separable(64, 64),
            separable(64, 96, stride=2),
            separable(96, 96),
            separable(96, 96),
        )
        self.head = nn.Linear(2 * 96, len(CLASSES))

    def forward(self, strip: Tensor) -> Tensor:
        """One score per class; the panels are laid over each other first, so that the net compares them."""
        panels = torch.cat([strip[:, :, :, SIDE * panel : SIDE * (panel + 1)] for panel in range(PANELS)], 1)
        features = self.body(panels)
        return self.head(torch.cat([features.mean((2, 3)), features.amax((2, 3))], 1))


def varied(strips: Tensor, generator: torch.Generator) -> Tensor:
    """Strips [N, 48, 192, 3] of 0-255 as inputs, some mirrored, in other light and other tints."""
    pictures = strips.permute(0, 3, 1, 2).float() / 255
    count = len(pictures)
    mirrored = torch.cat([panel.flip(3) for panel in pictures.split(SIDE, 3)], 3)
    pictures = torch.where(torch.rand(count, 1, 1, 1, generator=generator) < 0.5, pictures, mirrored)
    light = 0.8 + 0.4 * torch.rand(count, 1, 1, 1, generator=generator)
    tint = 1 + 0.08 * torch.randn(count, 3, 1, 1, generator=generator)
    lift = 0.06 * torch.randn(count, 1, 1, 1, generator=generator)
    return (pictures * light * tint + lift).clamp(0, 1)


def train(net: FireNet) -> None:
    """Fit `net`."""
    strips, classes = (torch.from_numpy(part) for part in samples(TRAINING_SEEDS))
    counts = torch.bincount(classes, minlength=len(CLASSES))
    print(f"{len(strips)} samples: {dict(zip(CLASSES, counts.tolist(), strict=True))}", flush=True)
    weights = (len(strips) / counts.float() / len(CLASSES))[classes]
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE_MAX, weight_decay=1e-2)
    loss_of = nn.CrossEntropyLoss(label_smoothing=FORGIVEN)
    generator, running = torch.Generator().manual_seed(SEED), 0.0
    for step in range(STEPS):
        for group in optimiser.param_groups:
            group["lr"] = RATE_MAX * min(1.0, step / 50 + 0.02) * (0.5 + 0.5 * np.cos(np.pi * step / STEPS)) + 1e-6
        chosen = torch.multinomial(weights, BATCH, replacement=True, generator=generator)
        loss = loss_of(net(varied(strips[chosen], generator)), classes[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        running += 0.02 * (loss.item() - running)
        if step % 200 == 199:
            print(f"step {step + 1} of {STEPS}: loss {running:.3f}", flush=True)


def export(net: FireNet, path: Path) -> None:
    """Write `net` as one ONNX file with fixed shapes."""
    example = torch.zeros(1, 3, SIDE, SIDE * PANELS)
    torch.onnx.export(
        net.eval(), (example,), str(path), input_names=["strip"], output_names=["scores"], opset_version=18, external_data=False
    )
    strip_traces(path)


def main() -> None:
    """Train and write `model.onnx`; then `python -m training.fire_score` measures it and writes the manifest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    folder = parser.parse_args().out
    torch.manual_seed(SEED)
    torch.set_num_threads(1)  # two threads on shared cores wait for each other
    began, net = time.process_time(), FireNet()
    train(net.train())
    export(net, folder / "model.onnx")
    weights = sum(weight.numel() for weight in net.parameters())
    size = (folder / "model.onnx").stat().st_size
    print(f"{weights} weights, {size} bytes, {time.process_time() - began:.0f} s of one core")


if __name__ == "__main__":
    main()
