"""The same network in PyTorch: bfloat16 by autocast, channels last, images decoded beforehand."""

import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from speed_rounds import Round, serve
from torch import nn

BATCH, SIZE, STEPS = 32, 224, int(os.environ.get("BENCH_STEPS", "3"))
STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))  # width, blocks, stride


class Block(nn.Module):
    """A bottleneck as in Keras' ResNet50: the stride is in the first convolution, all have a bias."""

    def __init__(self, n_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(n_in, width, 1, stride),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, 4 * width, 1),
            nn.BatchNorm2d(4 * width),
        )
        projected = stride > 1 or n_in != 4 * width
        self.shortcut = (
            nn.Sequential(nn.Conv2d(n_in, 4 * width, 1, stride), nn.BatchNorm2d(4 * width))
            if projected
            else nn.Identity()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.branch(x) + self.shortcut(x))


def resnet50() -> nn.Sequential:
    layers = [nn.Conv2d(3, 64, 7, 2, 3), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    n_in = 64
    for width, blocks, stride in STAGES:
        for block in range(blocks):
            layers.append(Block(n_in, width, stride if block == 0 else 1))
            n_in = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def read(folder: Path) -> tuple[torch.Tensor, torch.Tensor, int]:
    labels = sorted(path.name for path in (folder / "images" / "train").iterdir())
    files = sorted((folder / "images" / "train").glob("*/*"))[: STEPS * BATCH]
    pixels = [np.asarray(Image.open(file).convert("RGB").resize((SIZE, SIZE))) for file in files]
    targets = torch.tensor([labels.index(file.parent.name) for file in files])
    return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2), targets, len(labels)


def prepared(pixels: torch.Tensor) -> torch.Tensor:
    return (pixels.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def network(n_labels: int) -> nn.Sequential:
    head = nn.Sequential(nn.Linear(2048, 512), nn.ReLU(), nn.Linear(512, 128), nn.ReLU())
    model = nn.Sequential(resnet50(), head, nn.Dropout(0.5), nn.Linear(128, n_labels))
    return model.to(memory_format=torch.channels_last)


def finetune(folder: Path) -> Round:
    pixels, targets, n_labels = read(folder)
    model = network(n_labels).train()
    optimizer = torch.optim.SGD(model.parameters(), 1e-4, momentum=0.9)

    def work() -> int:
        for images, labels in zip(pixels.split(BATCH), targets.split(BATCH), strict=True):
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16):
                outputs = model(prepared(images))
            nn.functional.cross_entropy(outputs.float(), labels).backward()
            optimizer.step()
        return len(pixels)

    return work


def embed(folder: Path) -> Round:
    pixels, _, n_labels = read(folder)
    model = network(n_labels).eval()[:2]

    def work() -> int:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            for images in pixels.split(BATCH):
                model(prepared(images))
        return len(pixels)

    return work


if __name__ == "__main__":
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    serve({"finetune": finetune, "embed": embed})
