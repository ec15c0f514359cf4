"""From a checkpoint to a model bundle.

Owns the graphs and the order of the checks: nothing is at the target before both towers have been
held to torch, and, quantised, to their float form.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.atomic_file import full_disk_named
from models import graph_writer
from models.errors import ModelsError
from models.fused_towers import can_write, write_tower
from models.halve import halve
from models.parity import (
    open_session,
    random_pixel_values,
    random_token_ids,
    require_parity,
    run,
)
from models.precision import PRECISIONS
from models.quantise import require_agreement, top_overlap, tower_agreement
from models.smoothing import smoothed
from models.tokenizer_file import compact
from models.towers import ImageTower, text_tower
from models.traced_towers import save_folded, save_int8, save_optimised, trace
from photo_search.checksums import manifest_sha256
from photo_search.errors import DiskFull

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from models.checkpoint import Checkpoint
    from models.sample import Float32Array, Int64Array, Sample

FORMAT = 1
_INPUTS = {"text": "token_ids", "image": "pixel_values"}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the weights come from, as the manifest names it."""

    checkpoint: str
    revision: str
    licence: str


def export_bundle(
    checkpoint: Checkpoint, target: Path, *, origin: Origin, sample: Sample, precision: str = "int8"
) -> dict[str, Any]:
    """Write a bundle.

    Args:
        checkpoint: What to export.
        target: The bundle's directory; only the bundle's own files in it are replaced.
        origin: Named in the manifest.
        sample: At least some dozens of texts and pictures of the kind to be searched.
        precision: One of PRECISIONS.

    Returns:
        The manifest.

    Raises:
        ParityError: A graph differs from torch; the target is left as it was.
        QuantisationError: The precision strays too far from fp32; the target is left as it was.
        DiskFull: There is no room; the target is left as it was, or without a manifest.
    """
    if precision not in PRECISIONS:
        message = f"precision {precision!r}; known are {', '.join(PRECISIONS)}"
        raise ValueError(message)
    target = target.resolve()
    # Whatever a killed export left there is cleared away; it is never read.
    work = target.with_name(f".{target.name}.partial")
    try:
        with full_disk_named(work):
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir(parents=True)
            with _room(work, checkpoint.size_bytes):
                return _export(checkpoint, target, work, origin, sample, precision)
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def _room(work: Path, size_bytes: int) -> Iterator[None]:
    """Tell a full disk from a broken graph: ONNX Runtime and protobuf only see the latter.

    Args:
        work: Where graphs are written.
        size_bytes: Of the weights, which no file written is larger than by much.
    """
    try:
        yield
    except (ModelsError, OSError):
        raise
    except Exception as error:
        free_bytes = shutil.disk_usage(work).free
        if free_bytes >= size_bytes:
            raise
        message = f"no room to write {work} ({free_bytes / 1e6:.0f} MB left); free some space"
        raise DiskFull(message) from error


def _export(
    checkpoint: Checkpoint, target: Path, work: Path, origin: Origin, sample: Sample, precision: str
) -> dict[str, Any]:
    ready = work / "ready"
    ready.mkdir()
    floats = _export_float(checkpoint, work)
    embeddings = _embed(floats, sample)
    finished = {tower: ready / f"{tower}.onnx" for tower in floats}
    _finish(checkpoint, floats, finished, sample, work=work, precision=precision)
    agreement = _agreement(embeddings, _embed(finished, sample), precision=precision)
    if precision == "fp16":
        # On a CPU, which rounds less than a GPU: this shows that the graphs are right.
        on_gpu = {tower: _on_gpu(graph) for tower, graph in finished.items()}
        _agreement(embeddings, _embed(on_gpu, sample), precision=precision)
    (ready / "tokenizer.json").write_bytes(compact(checkpoint.tokenizer_json))
    manifest = _manifest(checkpoint, origin, precision, embeddings, agreement)
    manifest["files"] = {path.name: _file_facts(path) for path in sorted(ready.iterdir())}
    manifest["manifest_sha256"] = manifest_sha256(manifest)
    text = json.dumps(manifest, indent=1) + "\n"
    (ready / "model.json").write_text(text, encoding="utf-8")
    _publish(ready, target)
    return manifest


def _export_float(checkpoint: Checkpoint, work: Path) -> dict[str, Path]:
    """Write or trace each tower alone and hold it to torch."""
    texts = list(random_token_ids(checkpoint.text, vocabulary=checkpoint.vocabulary))
    pictures = list(random_pixel_values(size=checkpoint.image.size))
    towers = {"text": text_tower(checkpoint), "image": ImageTower(checkpoint.model).eval()}
    inputs: dict[str, Sequence[Int64Array] | Sequence[Float32Array]] = {
        "text": texts,
        "image": pictures,
    }
    # Each has a directory: its weights may lie beside it, under names of their own.
    graphs = {name: _directory(work / "float" / name) / f"{name}.onnx" for name in towers}
    if can_write(checkpoint.model):
        _write(checkpoint, graphs, int8=False)
    for name, tower in towers.items():
        if not graphs[name].exists():
            example = next(array for array in inputs[name] if len(array) > 1)
            trace(tower, example, graphs[name], input_name=_INPUTS[name])
        require_parity(graphs[name], tower, inputs[name])
    return graphs


def _finish(
    checkpoint: Checkpoint,
    floats: dict[str, Path],
    finished: dict[str, Path],
    sample: Sample,
    *,
    work: Path,
    precision: str,
) -> None:
    """Write the graphs that the bundle is to have."""
    written = can_write(checkpoint.model)
    if written and precision != "fp16":
        int8 = precision == "int8"
        with smoothed(checkpoint.model, sample) if int8 else nullcontext():
            _write(checkpoint, finished, int8=int8)
        return
    for tower, graph in floats.items():
        directory, target = _directory(work / precision / tower), finished[tower]
        if precision == "int8":
            save_int8(graph, target, work=directory)
        elif precision == "fp16":
            if not written:
                save_folded(graph, graph := directory / graph.name)
            halve(graph, target, _on_gpu(target))
        else:
            save_optimised(graph, target)


def _on_gpu(graph: Path) -> Path:
    return graph.with_suffix(".fp16.onnx")


def _directory(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def _write(checkpoint: Checkpoint, graphs: dict[str, Path], *, int8: bool) -> None:
    end = checkpoint.text.end_token_id
    for tower, graph in graphs.items():
        write_tower(tower, checkpoint.model, graph, end_token_id=end, int8=int8)


def _embed(graphs: dict[str, Path], sample: Sample) -> dict[str, Float32Array]:
    batches: dict[str, Sequence[Int64Array] | Sequence[Float32Array]] = {
        "text": sample.token_ids,
        "image": sample.pixel_values,
    }
    embeddings = {}
    for name, graph in graphs.items():
        session = open_session(graph)
        embeddings[name] = np.concatenate([run(session, batch) for batch in batches[name]])
    return embeddings


def _agreement(
    reference: dict[str, Float32Array], finished: dict[str, Float32Array], *, precision: str
) -> dict[str, Any]:
    """Measure the finished graphs against the float ones, and refuse what strays too far."""
    towers = {name: tower_agreement(reference[name], finished[name]) for name in reference}
    for name, agreement in towers.items():
        require_agreement(name, agreement, precision=precision)
    before, after = ((e["text"], e["image"]) for e in (reference, finished))
    return {
        "cosine_p1": {name: round(a.cosine_p1, 6) for name, a in towers.items()},
        "cosine_p50": {name: round(a.cosine_p50, 6) for name, a in towers.items()},
        "top10_overlap": round(top_overlap(before, after), 4),
    }


def _manifest(
    checkpoint: Checkpoint,
    origin: Origin,
    precision: str,
    embeddings: dict[str, Float32Array],
    agreement: dict[str, Any],
) -> dict[str, Any]:
    means = {n: [round(float(v), 6) for v in e.mean(axis=0)] for n, e in embeddings.items()}
    return {
        "format": FORMAT,
        **asdict(origin),
        "dimension": checkpoint.dimension,
        "precision": precision,
        "opset": graph_writer.OPSET,
        "image": asdict(checkpoint.image),
        "text": asdict(checkpoint.text),
        "mean_embedding": means,
        "logit_scale": round(checkpoint.model.logit_scale.exp().item(), 4),
        "fingerprint": checkpoint.fingerprint(),
        "post_transform": None,
        "agreement": agreement,
    }


def _file_facts(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}


def _publish(ready: Path, target: Path) -> None:
    """Put the files in place, the manifest last; other files there, such as a card, stay.

    A bundle that is replaced loses its manifest first: a kill in between leaves none that is read.
    """
    target.mkdir(exist_ok=True)
    (target / "model.json").unlink(missing_ok=True)
    for tower in _INPUTS:
        # What another precision or a larger build left must not stay.
        for name in (f"{tower}.onnx.data", f"{tower}.fp16.onnx"):
            (target / name).unlink(missing_ok=True)
    mode = (ready / "model.json").stat().st_mode
    for path in sorted(ready.iterdir(), key=lambda path: path.name == "model.json"):
        path.chmod(mode)  # onnx keeps weights that it writes to their owner
        path.replace(target / path.name)
