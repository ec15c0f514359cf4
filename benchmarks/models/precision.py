"""What int8 towers lose by what stays float in them: ``python -m benchmarks.models.precision``.

Measures a checkpoint's directory, or random weights of ViT-B/32's true shape. Those have no outlier
channels; trained towers do, and one large activation takes the eight-bit steps from all others. So
they are measured again with such channels put in. Times are of one thread's own work, whatever else
the machine does, all variants in turn.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import onnxruntime
from transformers import CLIPModel

from benchmarks.machine import Figure, report
from benchmarks.models.checkpoint import write_checkpoint
from models import graph_writer
from models.checkpoint import Checkpoint, read_checkpoint
from models.fused_towers import EXACT, write_tower
from models.parity import open_session, run
from models.quantise import top_overlap, tower_agreement
from models.sample import Float32Array, Int64Array, Sample
from models.smoothing import smoothed
from models.world_sample import world_sample

COUNT = 80  # texts and pictures each
ROUNDS = 40
# Outliers as few and as large as in trained transformers (LLM.int8(), arXiv 2208.07339).
CHANNELS, GAIN = (5, 77, 301, 440), 20
TOWERS = ("text", "image")


@dataclass(frozen=True, slots=True)
class Variant:
    """A way of quantising: what stays float, the largest weight, whether it is smoothed."""

    name: str
    exact: tuple[str, ...] = EXACT
    largest: int = graph_writer.LARGEST_INT8
    smooth: bool = True


SHIPPED = Variant("as shipped: patches and projection float")


def variants(layers: int) -> list[Variant]:
    """List what is compared; SHIPPED comes first."""
    first, last = "layers.0.*", f"layers.{layers - 1}.*"
    return [
        SHIPPED,
        Variant("everything int8", ()),
        Variant("projection float", ("projection",)),
        Variant("patches float", ("patches",)),
        Variant("shipped, first block float", (*EXACT, first)),
        Variant("shipped, first and last block float", (*EXACT, first, last)),
        Variant("shipped, fc2 float", (*EXACT, "layers.*.fc2")),
        Variant("shipped, table float", (*EXACT, "tokens")),
        Variant("shipped, 8-bit weights", largest=127),
        Variant("shipped, not smoothed", smooth=False),
    ]


def main() -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.models.precision")
    parser.add_argument("checkpoint", nargs="?", type=Path, help="random weights where left out")
    given = parser.parse_args().checkpoint
    with tempfile.TemporaryDirectory() as work:
        directory = given or Path(work, "random")
        if given is None:
            write_checkpoint(directory)
        checkpoint = read_checkpoint(directory)
        sample = world_sample(checkpoint, count=COUNT)
        report("precision", _rows(checkpoint, sample, Path(work), timed=True))
        if given is None:
            for name, behind in (("outliers", 1), ("harmless-outliers", 1 / GAIN)):
                checkpoint = read_checkpoint(directory)
                _put_outliers(checkpoint.model, behind=behind)
                report(f"precision-{name}", _rows(checkpoint, sample, Path(work), timed=False))


def _put_outliers(model: CLIPModel, *, behind: float) -> None:
    """Enlarge a few channels of what the products behind every LayerNorm take.

    Args:
        model: Is changed.
        behind: Factor of the weights that take them; 1 / GAIN leaves float as it was.
    """
    channels = list(CHANNELS)
    for tower in (model.text_model, model.vision_model):
        for layer in tower.encoder.layers:
            attention = layer.self_attn
            for norm in (layer.layer_norm1, layer.layer_norm2):
                norm.weight.data[channels] *= GAIN
            for product in (attention.q_proj, attention.k_proj, attention.v_proj, layer.mlp.fc1):
                product.weight.data[:, channels] *= behind


def _rows(
    checkpoint: Checkpoint, sample: Sample, work: Path, *, timed: bool
) -> list[Mapping[str, Figure]]:
    layers = checkpoint.model.config.vision_config.num_hidden_layers
    ways = variants(layers)
    texts = [_cut(row, checkpoint) for batch in sample.token_ids for row in batch]
    with ExitStack() as stack:
        homes = [Path(stack.enter_context(tempfile.TemporaryDirectory(dir=work))) for _ in ways]
        plain = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=work)))
        _write(checkpoint, sample, plain, SHIPPED, int8=False)
        for way, home in zip(ways, homes, strict=True):
            _write(checkpoint, sample, home, way, int8=True)
        reference = _embed(_open(plain), texts, sample)
        sessions = [_open(home) for home in homes]
        rows: list[dict[str, Figure]] = [
            {"variant": way.name, **_agreement(reference, _embed(opened, texts, sample))}
            | {"MB": sum(path.stat().st_size for path in home.iterdir()) / 1e6}
            for way, home, opened in zip(ways, homes, sessions, strict=True)
        ]
        if timed:
            asked: dict[str, Int64Array | Float32Array] = {
                "text": texts[0],
                "image": sample.pixel_values[0][:1],
            }
            for tower, one in asked.items():
                times_ms = _medians_ms([opened[tower] for opened in sessions], one)
                for row, time_ms in zip(rows, times_ms, strict=True):
                    row |= {f"{tower} ms": time_ms, f"{tower} / shipped": time_ms / times_ms[0]}
    return list(rows)


def _cut(token_ids: Int64Array, checkpoint: Checkpoint) -> Int64Array:
    """Give a text as a query comes: alone, up to its end, ``(1, L)``."""
    end = int(np.argmax(token_ids == checkpoint.text.end_token_id))
    return token_ids[None, : end + 1]


def _write(checkpoint: Checkpoint, sample: Sample, home: Path, way: Variant, *, int8: bool) -> None:
    model, end = checkpoint.model, checkpoint.text.end_token_id
    evened = smoothed(model, sample) if way.smooth and int8 else nullcontext()
    with evened, patch.object(graph_writer, "LARGEST_INT8", way.largest):
        for tower in TOWERS:
            graph = home / f"{tower}.onnx"
            write_tower(tower, model, graph, end_token_id=end, int8=int8, exact=way.exact)


_Sessions = Mapping[str, onnxruntime.InferenceSession]
_Embeddings = tuple[Float32Array, Float32Array]


def _open(home: Path) -> _Sessions:
    return {tower: open_session(home / f"{tower}.onnx") for tower in TOWERS}


def _embed(opened: _Sessions, texts: Sequence[Int64Array], sample: Sample) -> _Embeddings:
    """Embed texts one by one, as queries, and pictures in batches, as ingest does."""
    text = [run(opened["text"], token_ids) for token_ids in texts]
    image = [run(opened["image"], batch) for batch in sample.pixel_values]
    return np.concatenate(text), np.concatenate(image)


def _agreement(reference: _Embeddings, other: _Embeddings) -> dict[str, Figure]:
    figures: dict[str, Figure] = {}
    for tower, exact, rounded in zip(TOWERS, reference, other, strict=True):
        agreement = tower_agreement(exact, rounded)
        # As text: what counts is far behind the decimal point.
        figures[f"{tower} p1"] = f"{agreement.cosine_p1:.5f}"
        figures[f"{tower} p50"] = f"{agreement.cosine_p50:.5f}"
    return figures | {"top-10": top_overlap(reference, other)}


def _medians_ms(
    sessions: Sequence[onnxruntime.InferenceSession], asked: Int64Array | Float32Array
) -> list[float]:
    times_ms: list[list[float]] = [[] for _ in sessions]
    rng = np.random.default_rng(0)
    for number in range(-1, ROUNDS):
        for place in rng.permutation(len(sessions)):  # whom one follows costs a tenth
            start_s = time.thread_time()
            run(sessions[place], asked)
            if number >= 0:
                times_ms[place].append((time.thread_time() - start_s) * 1000)
    return [statistics.median(times) for times in times_ms]


if __name__ == "__main__":
    main()
