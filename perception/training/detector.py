"""Train the camera detector: a data set in, weights out.

From random weights or from a weights file; the loss and target assignment are Ultralytics' own (task-aligned
assignment, CIoU and distribution focal loss). Every batch is a function of (seed, step), so that a run that was
interrupted goes on from its last checkpoint exactly where it stopped. Most of the schedule runs on smaller pictures,
which costs less per picture; the rest at full size.
"""

from __future__ import annotations

import copy
import hashlib
import math
import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from perception.augment.pipeline import build_pipeline
from perception.camera.network import (
    CLASS_NAMES,
    IMAGE_SIZE,
    WIDTH,
    WeightsError,
    build_network,
    network_table,
    read_detector,
    save_detector,
)
from perception.training.boxes import (
    Augmentation,
    FloatArray,
    LabelRule,
    Picture,
    Split,
    augmented,
    further,
    read_split,
)
from perception.training.score import ClassScore, ScoreRule, average_precision

if TYPE_CHECKING:
    import torch
    from torch import nn


STRIDE = 32  # pixels of the coarsest output cell


@dataclass(frozen=True)
class TrainingConfig:
    """How the detector is trained. The defaults fit an hour on two cores."""

    epochs: int = 8
    batch: int = 8  # small: the schedule is short in steps
    width: float = WIDTH
    image_size: tuple[int, int] = IMAGE_SIZE
    small_size: tuple[int, int] = (384, 512)
    small_share: float = 0.7  # of the schedule runs on small pictures
    plain_share: float = 0.2  # the last of the schedule runs without mosaics, on pictures as the camera makes them
    learning_rate: float = 2e-3  # AdamW; Ultralytics' choice for short schedules, 0.002 * 5 / (4 + classes), rounded
    final_rate: float = 0.02  # of the learning rate, at the end of the cosine
    weight_decay: float = 5e-4
    warmup_steps: int = 100
    ema_decay: float = 0.998  # of the averaged weights, that are the result: a memory of 500 steps
    ema_ramp_steps: float = 200.0
    clip_norm: float = 10.0
    checkpoint_every: int = 100  # steps: a few minutes
    threads: int = 2
    seed: int = 0
    label_rule: LabelRule = field(default_factory=LabelRule)
    augmentation: Augmentation = field(default_factory=Augmentation)
    augment: tuple[dict[str, Any], ...] = ()  # further steps of ``perception.augment.pipeline``, after those above
    start: Path | None = None  # weights file to go on from; None: random weights

    def __post_init__(self) -> None:
        for size in (self.image_size, self.small_size):
            if any(side % STRIDE for side in size):
                raise ValueError(f"picture size {size}: both sides must be multiples of {STRIDE}")
        build_pipeline(self.augment)


@dataclass(frozen=True)
class Progress:
    """One step that is done."""

    step: int
    steps: int
    loss: float
    images_per_s: float


Report = Callable[[Progress], None]


def train(
    data: Path, out: Path, checkpoint: Path, config: TrainingConfig, command: str, report: Report | None = None
) -> list[ClassScore]:
    """Train on ``data/train``, score on ``data/held_out`` if that exists, write the weights to ``out``.

    Goes on from ``checkpoint`` if that file exists and was written with the same configuration and data set.
    Raises DataSetError for a broken data set, ValueError for a checkpoint of another run; FileNotFoundError and
    WeightsError for weights to start from that are not there or of another network.
    """
    # threads that wait for each other sleep: on a busy machine spinning costs more than half the speed
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch

    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    split = read_split(data / "train", config.image_size)
    table = network_table(width=config.width)
    run = _Run(table, config, pictures=len(split))
    if checkpoint.is_file():
        run.restore(checkpoint)
    run.go_on(split, checkpoint, report)
    meta: dict[str, Any] = {
        "names": list(CLASS_NAMES),
        "imgsz": list(config.image_size),
        "seed": config.seed,
        "command": command,
        "pictures": len(split),
        "epochs": config.epochs,
        "steps": run.steps,
    }
    scores: list[ClassScore] = []
    if (data / "held_out").is_dir():
        held_out = read_split(data / "held_out", config.image_size)
        scores = score(run.average, held_out)
        meta["held_out"] = {"pictures": len(held_out), "rule": _plain(asdict(ScoreRule()))}
        meta["ap50"] = {s.name: s.ap50 for s in scores}
        meta["objects"] = {s.name: s.objects for s in scores}
    save_detector(out, run.average, table, meta)
    return scores


class _Run:
    """Network, averaged network, optimiser and the step they have reached."""

    def __init__(self, table: dict[str, Any], config: TrainingConfig, pictures: int) -> None:
        import torch
        from ultralytics.utils import IterableSimpleNamespace

        self.config = config
        self.pictures = pictures
        self.pipeline = build_pipeline(config.augment)
        made: Any = build_network(table)
        if config.start is not None:
            made.load_state_dict(_starting_weights(config.start, table))
        self.network: Any = made.to(memory_format=torch.channels_last)
        self.network.args = IterableSimpleNamespace(box=7.5, cls=0.5, dfl=1.5)  # Ultralytics' gains
        self.average: nn.Module = copy.deepcopy(self.network).eval().requires_grad_(False)
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        others = [p for p in self.network.parameters() if p.ndim <= 1]  # norms and biases
        groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.999))
        self.step = 0
        self.steps = config.epochs * (pictures // config.batch)
        if self.steps == 0:
            raise ValueError(f"{pictures} pictures make no batch of {config.batch}; render more or lower the batch")

    def rate(self) -> float:
        """Learning rate of this step: a linear warm-up, then half a cosine."""
        config = self.config
        warm = min(1.0, (self.step + 1) / config.warmup_steps)
        cosine = 0.5 * (1.0 + math.cos(math.pi * self.step / self.steps))
        return config.learning_rate * warm * (config.final_rate + (1.0 - config.final_rate) * cosine)

    def go_on(self, split: Split, checkpoint: Path, report: Report | None) -> None:
        """Run the remaining steps; the next batch is made while the network learns from this one."""
        began, first = time.monotonic(), self.step
        with ThreadPoolExecutor(1, "batches") as pool:
            waiting: Future[tuple[torch.Tensor, FloatArray]] = pool.submit(_batch, split, self.step, self)
            while self.step < self.steps:
                pictures, boxes = waiting.result()
                if self.step + 1 < self.steps:
                    waiting = pool.submit(_batch, split, self.step + 1, self)
                loss = self._learn(pictures, boxes)
                self.step += 1
                if report is not None:
                    seen = (self.step - first) * self.config.batch
                    report(Progress(self.step, self.steps, loss, seen / (time.monotonic() - began)))
                if self.step % self.config.checkpoint_every == 0 or self.step == self.steps:
                    self.save(checkpoint)

    def _learn(self, pictures: torch.Tensor, boxes: FloatArray) -> float:
        import torch

        for group in self.optimiser.param_groups:
            group["lr"] = self.rate()
        height, width = pictures.shape[2:]
        self.network.train()
        with torch.autocast("cpu", torch.bfloat16):  # twice as fast where the processor has bfloat16
            output = self.network(pictures)
        # rows of boxes: picture, class, x0 y0 x1 y1 in pixels; the loss takes centres and sizes as shares
        rows = torch.from_numpy(boxes)
        corners = rows[:, 2:] / torch.tensor([width, height, width, height])
        centres, sizes = (corners[:, 2:] + corners[:, :2]) / 2.0, corners[:, 2:] - corners[:, :2]
        batch = {
            "img": pictures,
            "batch_idx": rows[:, 0],
            "cls": rows[:, 1:2],
            "bboxes": torch.cat([centres, sizes], 1),
        }
        parts, _ = self.network.loss(batch, _in_float32(output))
        loss = parts.sum()
        if not torch.isfinite(loss):
            raise FloatingPointError(f"step {self.step}: the loss is {float(loss.detach())}; lower the learning rate")
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip_norm)
        self.optimiser.step()
        self._blend()
        return float(loss.detach()) / len(pictures)

    def _blend(self) -> None:
        """Move the averaged weights towards the network's."""
        import torch

        decay = self.config.ema_decay * (1.0 - math.exp(-(self.step + 1) / self.config.ema_ramp_steps))
        source = self.network.state_dict()
        with torch.no_grad():
            for key, value in self.average.state_dict().items():
                if value.is_floating_point():
                    value.lerp_(source[key], 1.0 - decay)
                else:
                    value.copy_(source[key])

    def _key(self) -> dict[str, Any]:
        """What a checkpoint must share with the run that goes on from it."""
        key = {**_plain(asdict(self.config)), "pictures": self.pictures, "start": _digest(self.config.start)}
        for name in ("augment", "start"):  # checkpoints older than these entries had none
            if not key[name]:
                del key[name]
        return key

    def save(self, checkpoint: Path) -> None:
        """Write the state to go on from."""
        import torch

        state = {
            "key": self._key(),
            "step": self.step,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        partial = checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(checkpoint)

    def restore(self, checkpoint: Path) -> None:
        """Go on from a checkpoint. Raises ValueError if it belongs to another run."""
        import torch

        state = torch.load(checkpoint, weights_only=True)
        here = self._key()
        there = state["key"]
        differing = sorted(k for k in here.keys() | there.keys() if k != "threads" and there.get(k) != here.get(k))
        if differing:
            raise ValueError(
                f"checkpoint {checkpoint} was written with another {', '.join(differing)}; "
                "delete it to train anew, or ask for what it was written with"
            )
        self.step = int(state["step"])
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])


def _starting_weights(path: Path, table: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Weights of a file, for a network of these layers. Raises FileNotFoundError, and WeightsError for another one."""
    network, content = read_detector(path)
    if content["yaml"] != table or tuple(content["names"]) != CLASS_NAMES:
        raise WeightsError(
            f"{path}: weights of another network (width {content['yaml'].get('scales')}, classes {content['names']}); "
            "start from weights that `roadlab train detector` wrote with the same width and classes"
        )
    return network.state_dict()


def _digest(path: Path | None) -> str:
    """SHA-256 of a file: it may be written over while a run that started from it waits to go on."""
    return "" if path is None else hashlib.sha256(path.read_bytes()).hexdigest()


def _plain(tree: dict[str, Any]) -> dict[str, Any]:
    """The tree with tuples as lists, as it comes back from a file."""
    return {
        key: _plain(value) if isinstance(value, dict) else list(value) if isinstance(value, tuple) else value
        for key, value in tree.items()
    }


def _in_float32(output: Any) -> Any:
    import torch

    if isinstance(output, torch.Tensor):
        return output.float()
    if isinstance(output, dict):
        return {key: _in_float32(value) for key, value in output.items()}
    if isinstance(output, list | tuple):
        return [_in_float32(value) for value in output]
    return output


def _batch(split: Split, step: int, run: _Run) -> tuple[torch.Tensor, FloatArray]:
    """Pictures ``(b, 3, h, w)`` RGB 0..1 and rows ``picture class x0 y0 x1 y1`` of one step."""
    config = run.config
    per_epoch = len(split) // config.batch
    epoch, place = divmod(step, per_epoch)
    order = np.random.default_rng([config.seed, 1, epoch]).permutation(len(split))
    indices = order[place * config.batch : (place + 1) * config.batch]
    size = config.small_size if step < config.small_share * run.steps else config.image_size
    how = config.augmentation
    if step >= (1.0 - config.plain_share) * run.steps:
        how = Augmentation(**{**asdict(how), "mosaic": 0.0})
    pictures, boxes = [], []
    for i, index in enumerate(indices):
        rng = np.random.default_rng([config.seed, 2, step, i])
        picture, rows = augmented(split, int(index), size, config.label_rule, how, rng)
        if run.pipeline.steps:
            own = np.random.default_rng([config.seed, 3, step, i])
            picture, rows = further(picture, rows, run.pipeline, split, config.label_rule, own)
        pictures.append(picture)
        boxes.append(np.insert(rows, 0, i, axis=1))
    return _tensor(pictures), np.concatenate(boxes).astype(np.float32)


def _tensor(pictures: list[Picture]) -> torch.Tensor:
    """BGR bytes as the network's input: RGB, 0..1, channels last in memory."""
    import torch

    stacked = np.ascontiguousarray(np.stack(pictures)[..., ::-1])  # (b, h, w, 3)
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).float().div_(255.0)


def detect(network: nn.Module, split: Split, batch: int = 16, min_score: float = 0.01) -> list[FloatArray]:
    """Per picture rows ``x0 y0 x1 y1 score class``, boxes as shares of the picture."""
    import torch
    from ultralytics.utils.nms import non_max_suppression

    network.eval()
    found: list[FloatArray] = []
    for start in range(0, len(split), batch):
        pictures = _tensor([np.asarray(p) for p in split.images[start : start + batch]])
        with torch.inference_mode():
            output = network(pictures)
        height, width = pictures.shape[2:]
        # Ultralytics gives up after a time limit; a score must not depend on how busy the machine is
        for rows in non_max_suppression(output, min_score, 0.6, max_det=100, max_time_img=math.inf):
            shares = rows[:, :6].numpy() / np.array([width, height, width, height, 1.0, 1.0])
            found.append(shares.astype(np.float32))
    return found


def score(network: nn.Module, split: Split, rule: ScoreRule | None = None) -> list[ClassScore]:
    """Average precision of a network on a split."""
    return average_precision(list(split.labels), detect(network, split), CLASS_NAMES, rule)
