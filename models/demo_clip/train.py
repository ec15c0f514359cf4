"""Trains the demo CLIP for a given number of steps.

Owns the loop, the schedule and the checkpoints. A run that was cut off goes on from its last
checkpoint.
"""

from __future__ import annotations

import json
import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from tokenizers import Tokenizer

from models.demo_clip.architecture import IMAGE_SIZE, new_model
from models.demo_clip.batches import Batch, BatchMaker, to_pixel_values, to_token_ids
from models.demo_clip.loss import SceneHeads
from models.demo_clip.optimiser import TowerOptimiser
from models.demo_clip.parts import (
    PartedGradients,
    encode_images,
    encode_texts,
    single_threaded_pool,
)
from models.demo_clip.pictures import (
    HELD_OUT_SPLIT,
    STORED_HEIGHT,
    STORED_WIDTH,
    TRAINING_SPLIT,
    VALIDATION_COUNT,
    PictureFile,
    scene_of,
)
from models.demo_clip.retrieval import precision_by_family
from models.demo_clip.tokenizer import train_tokenizer
from models.world.captions import describe, queries

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import CLIPModel

    from models.demo_clip.retrieval import Float32Array

WARM_UP = 0.02
MUON_LR = 0.02
ADAM_LR = 1.5e-3
HEADS_WEIGHT = 1.0
LARGEST_SCALE = 100.0
LOG_EVERY = 20
SAVE_EVERY_S = 120.0
VALIDATE_EVERY_S = 300.0
VALIDATION_PARTS = 8
TOKENIZER_TEXTS = 20_000


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """Everything that decides a run; a slower machine takes longer to the same figures."""

    directory: Path
    steps: int
    seed: int = 0
    picture_count: int = 20_000
    batch_size: int = 64
    threads: int = 2
    use_muon: bool = True


class Run:
    """One training run, new or resumed."""

    def __init__(self, plan: TrainingPlan) -> None:
        """Set up model, heads, optimiser and batches, from the checkpoint where there is one."""
        torch.manual_seed(plan.seed)
        self.plan = plan
        self._pool = single_threaded_pool(plan.threads)
        self.tokenizer = demo_tokenizer(plan)
        self.model: CLIPModel = new_model(self.tokenizer).train()
        vision = self.model.config.vision_config
        patches = (vision.image_size // vision.patch_size) ** 2
        self.heads = SceneHeads(vision.hidden_size, patches)
        self._gradients = PartedGradients(self.model, self.heads, self._pool)
        self.optimiser = TowerOptimiser([self.model, self.heads], use_muon=plan.use_muon)
        self.steps, self.samples, self.trained_s = 0, 0, 0.0
        self._resume()
        pictures = PictureFile(plan.directory, TRAINING_SPLIT, plan.picture_count)
        self.batches = BatchMaker(
            pictures, self.tokenizer, seed=plan.seed + self.steps, size=plan.batch_size
        )

    def train(self) -> None:
        """Train the plan's steps; the last checkpoint is the finished model."""
        with ThreadPoolExecutor(1) as ahead:
            self._loop(ahead)
        self._save()
        self._validate()

    def _loop(self, ahead: ThreadPoolExecutor) -> None:
        batch = ahead.submit(self.batches.next_batch)
        saved = validated = clock = time.monotonic()
        losses: list[tuple[float, float]] = []
        while (share := self.steps / self.plan.steps) < 1:
            current, batch = batch.result(), ahead.submit(self.batches.next_batch)
            losses.append(self._step(current, share))
            now = time.monotonic()
            self.trained_s, clock = self.trained_s + now - clock, now
            if self.steps % LOG_EVERY == 0:
                self._log("train", losses=losses, pictures=self.batches.picture_count)
                losses = []
            if now - saved > SAVE_EVERY_S:
                self._save()
                saved = now
            if now - validated > VALIDATE_EVERY_S:
                self._validate()
                validated = now

    def _step(self, batch: Batch, share: float) -> tuple[float, float]:
        losses = self._gradients.compute(batch, heads_weight=HEADS_WEIGHT)
        rate = _rate(share)
        self.optimiser.step(adam_lr=ADAM_LR * rate, muon_lr=MUON_LR * rate, pool=self._pool)
        with torch.no_grad():
            self.model.logit_scale.clamp_(max=math.log(LARGEST_SCALE))
        self.steps += 1
        self.samples += len(batch.scenes)
        return losses

    def _validate(self) -> None:
        pictures = PictureFile(self.plan.directory, HELD_OUT_SPLIT, VALIDATION_COUNT)
        count = pictures.drawn_count()
        if not count:
            return
        pixels, _ = pictures.open()
        top, left = (STORED_HEIGHT - IMAGE_SIZE) // 2, (STORED_WIDTH - IMAGE_SIZE) // 2
        middle = pixels[:count, top : top + IMAGE_SIZE, left : left + IMAGE_SIZE]
        parts = np.array_split(middle, VALIDATION_PARTS)
        with torch.inference_mode():
            images = [encode_images(self.model, to_pixel_values(part)).numpy() for part in parts]

        def encode(texts: list[str]) -> Float32Array:
            with torch.inference_mode():
                token_ids = to_token_ids(texts, self.tokenizer)
                result: Float32Array = encode_texts(self.model, token_ids).numpy()
            return result

        scenes = [scene_of(HELD_OUT_SPLIT, index) for index in range(count)]
        figures = precision_by_family(queries(), encode, np.concatenate(images), scenes)
        rounded = {family: round(figure.precision, 3) for family, figure in figures.items()}
        self._log("validation", precision_at_10=rounded)

    def _log(
        self, event: str, *, losses: list[tuple[float, float]] | None = None, **facts: Any
    ) -> None:
        record: dict[str, Any] = {"event": event, "trained_s": round(self.trained_s)}
        record |= {"steps": self.steps, "samples": self.samples} | facts
        if losses:
            matching, seeing = np.mean(losses, axis=0)
            record |= {"matching": round(float(matching), 4), "seeing": round(float(seeing), 4)}
        with (self.plan.directory / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(record) + "\n")

    def _save(self) -> None:
        directory = self.plan.directory
        state = {
            "model": self.model.state_dict(),
            "heads": self.heads.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "steps": self.steps,
            "samples": self.samples,
            "trained_s": self.trained_s,
        }
        torch.save(state, directory / "state.pt.new")
        (directory / "state.pt.new").replace(directory / "state.pt")
        self.model.save_pretrained(directory / "checkpoint")
        self.tokenizer.save(str(directory / "checkpoint" / "tokenizer.json"))

    def _resume(self) -> None:
        path = self.plan.directory / "state.pt"
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.heads.load_state_dict(state["heads"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.steps, self.samples = state["steps"], state["samples"]
        self.trained_s = state["trained_s"]


def demo_tokenizer(plan: TrainingPlan) -> Tokenizer:
    """Load the run's tokenizer, or learn it from captions of training scenes."""
    path = plan.directory / "tokenizer.json"
    if not path.exists():
        rng = np.random.default_rng(plan.seed)
        texts = (
            describe(scene_of(TRAINING_SPLIT, index), rng).text for index in range(TOKENIZER_TEXTS)
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        train_tokenizer(texts).save(str(path))
    return Tokenizer.from_file(str(path))


def _rate(share: float) -> float:
    """Warm up, then follow a cosine to nothing, by the share of the steps that is done."""
    if share < WARM_UP:
        return share / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (share - WARM_UP) / (1 - WARM_UP)))
