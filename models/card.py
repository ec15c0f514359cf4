"""The card of a bundle: what it is, how good, how it was made."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.known_checkpoints import KnownCheckpoint

_LIBRARIES = ("torch", "transformers", "tokenizers", "onnx", "onnxruntime")


def card(manifest: dict[str, Any], known: KnownCheckpoint | None) -> str:
    """Write the card, in Markdown, from the manifest and the table of known checkpoints."""
    size_mb = sum(facts["size_bytes"] for facts in manifest["files"].values()) / 1e6
    agreement = manifest["agreement"]
    lines = [
        f"# {manifest['checkpoint']}",
        "",
        f"- revision {manifest['revision']}, licence {manifest['licence']}",
        f"- {manifest['dimension']} dimensions, {manifest['precision']}, {size_mb:.0f} MB",
        f"- embedding space `{manifest['fingerprint']}`",
    ]
    if known:
        image, text = known.image_parameters_m, known.text_parameters_m
        lines += [
            f"- image tower: {image} M parameters, {known.image_gflops} GFLOPs a picture",
            f"- text tower: {text} M parameters, {known.text_gflops} GFLOPs a text",
            f"- zero-shot text to image on COCO, R@1: {known.coco_recall} % ({known.source})",
        ]
    lines += [
        "",
        "Both towers equal those of transformers within 1e-4 before they were stored as",
        f"{manifest['precision']}; after it, on 400 drawn scenes (no photographs):",
        "",
        "| | text | image |",
        "|---|---|---|",
    ]
    for name in ("cosine_p1", "cosine_p50"):
        lines.append(f"| {name} | {agreement[name]['text']} | {agreement[name]['image']} |")
    made_with = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    lines += ["", f"Top-10 overlap {agreement['top10_overlap']}.", "", f"Made with {made_with}."]
    return "\n".join(lines) + "\n"
