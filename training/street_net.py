"""The net of `street-s`, its loss, and its way into an ONNX file. Called by train_street_s.py.

Scheme and focal loss: Zhou, Wang, Kraehenbuehl: Objects as Points, 2019 (arXiv:1904.07850); depthwise separable convolutions: Howard et
al.: MobileNets, 2017 (arXiv:1704.04861); box loss: Rezatofighi et al.: Generalized Intersection over Union, 2019 (arXiv:1902.09630).
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from training.bare import strip_traces
from training.street_data import CLASSES, INPUT_HEIGHT, INPUT_WIDTH

LOG_SIDE_MAX = 5.0
"""Of a box, in cells."""


def dense(inputs: int, outputs: int, *, stride: int) -> nn.Sequential:
    """A 3x3 convolution, normalised and rectified."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


def separable(inputs: int, outputs: int, *, stride: int = 1, side: int = 3) -> nn.Sequential:
    """A depthwise and a pointwise convolution, each normalised and rectified."""
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, side, stride, side // 2, groups=inputs, bias=False),
        nn.BatchNorm2d(inputs),
        nn.ReLU(),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class StreetNet(nn.Module):
    """Picture [N, 3, 256, 416] in 0-1 to heat [N, 3, 32, 52] (0-1) and box [N, 4, 32, 52] (dx, dy, log w, log h in cells)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(dense(3, 16, stride=2), dense(16, 32, stride=2))
        self.eighth = nn.Sequential(separable(32, 64, stride=2), separable(64, 64), separable(64, 64))
        self.sixteenth = nn.Sequential(
            separable(64, 128, stride=2), separable(128, 128, side=5), separable(128, 128), separable(128, 128, side=5)
        )
        self.rest = nn.Sequential(separable(128, 192, stride=2), separable(192, 192, side=5), separable(192, 192, side=5))
        self.up_rest, self.join_sixteenth = nn.Conv2d(192, 128, 1), separable(128, 128)
        self.up_sixteenth = nn.Conv2d(128, 64, 1)
        self.join_eighth = nn.Sequential(separable(64, 64, side=5), separable(64, 64), separable(64, 64))
        self.heat = nn.Conv2d(64, len(CLASSES), 1)
        self.box = nn.Conv2d(64, 4, 1)
        nn.init.constant_(self.heat.bias, -4.0)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Heat and box maps."""
        eighth = self.eighth(self.stem(pictures))
        sixteenth = self.sixteenth(eighth)
        sixteenth = self.join_sixteenth(sixteenth + interpolate(self.up_rest(self.rest(sixteenth)), scale_factor=2.0))
        features = self.join_eighth(eighth + interpolate(self.up_sixteenth(sixteenth), scale_factor=2.0))
        return torch.sigmoid(self.heat(features)), self.box(features)


def loss_of(heat: Tensor, box: Tensor, wanted: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Penalty-reduced focal loss of the heat map, plus overlap and distance of the boxes, per figure."""
    true_heat, true_box, weight = wanted
    heat = heat.clamp(1e-4, 1 - 1e-4)
    centre = true_heat.ge(0.999).float()
    hits = centre * (1 - heat) ** 2 * heat.log()
    misses = (1 - centre) * (1 - true_heat) ** 4 * heat**2 * (1 - heat).log()
    total = weight.sum().clamp(min=1)
    distance = ((box - true_box).abs().sum(dim=1) * weight).sum() / total
    overlap = ((1 - overlap_of(box, true_box)) * weight).sum() / total
    return -(hits + misses).sum() / centre.sum().clamp(min=1) + 0.3 * distance + overlap


def overlap_of(box: Tensor, other: Tensor) -> Tensor:
    """Generalised intersection over union of box terms [N, 4, rows, columns] of the same cells: -1 to 1."""
    side, other_side = box[:, 2:].clamp(-3, LOG_SIDE_MAX).exp(), other[:, 2:].clamp(-3, LOG_SIDE_MAX).exp()
    low, high = box[:, :2] - side / 2, box[:, :2] + side / 2
    other_low, other_high = other[:, :2] - other_side / 2, other[:, :2] + other_side / 2
    shared = (torch.minimum(high, other_high) - torch.maximum(low, other_low)).clamp(min=0).prod(dim=1)
    either = side.prod(dim=1) + other_side.prod(dim=1) - shared
    around = (torch.maximum(high, other_high) - torch.minimum(low, other_low)).prod(dim=1)
    return shared / either.clamp(min=1e-6) - (around - either) / around.clamp(min=1e-6)


def export(net: StreetNet, path: Path) -> None:
    """Write `net` as one ONNX file with fixed shapes."""
    example = torch.zeros(1, 3, INPUT_HEIGHT, INPUT_WIDTH)
    torch.onnx.export(
        net.eval().to(memory_format=torch.contiguous_format), (example,), str(path), input_names=["picture"], output_names=["heat", "box"],
        opset_version=18, external_data=False, verbose=False,
    )  # fmt: skip
    strip_traces(path)
