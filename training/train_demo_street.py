"""Train `demo-street` on rendered scenes and write its model.

    python -m training.train_demo_street --out edge_ai/algorithms/demo-street

Owns the net and the loss; score_demo_street.py measures it and writes the manifest. Runs in an environment of its own
(training/requirements.txt), never in the node. Loss: penalty-reduced focal loss and L1 on boxes, after Zhou, Wang, Kraehenbuehl: Objects
as Points, 2019 (arXiv:1904.07850).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from training.street_data import CLASSES, INPUT_HEIGHT, INPUT_WIDTH, picture, render, targets

SEED = 20260
TRAINING_SEEDS = range(1_000, 1_700)
BATCH = 16
SECONDS_MAX = 420.0
"""Wall seconds of training; the learning rate falls to nothing over them."""
RATE_MAX = 4e-3


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


class StreetNet(nn.Module):
    """Picture [N, 3, 192, 320] in 0-1 to heat [N, 3, 24, 40] (sigmoid) and box [N, 4, 24, 40] (dx, dy, log w, log h in cells)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 16, 3, 2, 1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            separable(16, 32, stride=2),
            separable(32, 64, stride=2),
            separable(64, 64),
            separable(64, 64),
            separable(64, 64),
            separable(64, 64),
            separable(64, 64),
        )
        self.heat = nn.Conv2d(64, len(CLASSES), 1)
        self.box = nn.Conv2d(64, 4, 1)
        nn.init.constant_(self.heat.bias, -3.0)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Heat and box maps."""
        features = self.body(pictures)
        return torch.sigmoid(self.heat(features)), self.box(features)


def loss_of(heat: Tensor, box: Tensor, wanted: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Focal loss of the heat map plus weighted L1 of the boxes, per actor."""
    true_heat, true_box, weight = wanted
    heat = heat.clamp(1e-4, 1 - 1e-4)
    centre = true_heat.ge(0.999).float()
    hits = centre * (1 - heat) ** 2 * heat.log()
    misses = (1 - centre) * (1 - true_heat) ** 4 * heat**2 * (1 - heat).log()
    count = centre.sum().clamp(min=1)
    error = ((box - true_box).abs() * weight.unsqueeze(1)).sum() / weight.sum().clamp(min=1)
    return -(hits + misses).sum() / count + error


def tensors(seeds: range) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    """All frames of `seeds` as inputs (uint8) and targets."""
    frames = render(seeds)
    maps = [targets(frame) for frame in frames]
    stacked = [torch.from_numpy(np.stack([one[part] for one in maps])) for part in range(3)]
    return torch.from_numpy(np.stack([picture(frame) for frame in frames])), (stacked[0], stacked[1], stacked[2])


def train(net: StreetNet, seconds_max: float) -> int:
    """Fit `net`; the number of steps done."""
    pictures, wanted = tensors(TRAINING_SEEDS)
    print(f"{len(pictures)} pictures from {len(TRAINING_SEEDS)} scenes")
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE_MAX, weight_decay=1e-4)
    began, steps, generator = time.monotonic(), 0, torch.Generator().manual_seed(SEED)
    while (share := (time.monotonic() - began) / seconds_max) < 1:
        for group in optimiser.param_groups:
            group["lr"] = RATE_MAX * min(1.0, steps / 50 + 0.02) * (0.5 + 0.5 * np.cos(np.pi * share)) + 1e-5
        chosen = torch.randint(len(pictures), (BATCH,), generator=generator)
        batch = pictures[chosen].float() / 255 * (0.75 + 0.5 * torch.rand(BATCH, 1, 1, 1, generator=generator))
        loss = loss_of(*net(batch.clamp(0, 1)), (wanted[0][chosen], wanted[1][chosen], wanted[2][chosen]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        steps += 1
        if steps % 100 == 0:
            print(f"step {steps} of about {round(steps / share)}: loss {loss.item():.3f}", flush=True)
    return steps


def export(net: StreetNet, path: Path) -> None:
    """Write `net` as one ONNX file with fixed shapes."""
    example = torch.zeros(1, 3, INPUT_HEIGHT, INPUT_WIDTH)
    torch.onnx.export(
        net.eval(), (example,), str(path), input_names=["picture"], output_names=["heat", "box"], opset_version=18, external_data=False
    )


def main() -> None:
    """Train and write `model.onnx`; then `python -m training.score_demo_street` measures it and writes the manifest's figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=SECONDS_MAX)
    options = parser.parse_args()
    torch.manual_seed(SEED)
    torch.set_num_threads(1)  # two threads on shared cores wait for each other: measured ten times slower
    net = StreetNet()
    steps = train(net.train(), options.seconds)
    export(net, options.out / "model.onnx")
    print(
        f"{steps} steps, {sum(weight.numel() for weight in net.parameters())} weights, {(options.out / 'model.onnx').stat().st_size} bytes"
    )


if __name__ == "__main__":
    main()
