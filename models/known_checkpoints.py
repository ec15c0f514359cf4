"""Checkpoints known by name: what each is good for, and what it costs.

Recall is zero-shot text to image on COCO's 5,000 test pictures, R@1 in percent. Parameters, GFLOPs
(of one picture and one text of full context) and recall are those of open_clip's own tables
(commit 89fb801, docs/model_profile.csv and docs/openclip_retrieval_results.csv) where no other
source is named.
"""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT = "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"
OPEN_CLIP = "open_clip, docs/openclip_retrieval_results.csv"


@dataclass(frozen=True, slots=True)
class KnownCheckpoint:
    """One line of the table.

    Attributes:
        name: Of the repository.
        dimension: Length of the embeddings.
        licence: SPDX identifier.
        image_parameters_m: Millions of them in the image tower.
        text_parameters_m: Millions of them in the text tower.
        image_gflops: For one picture.
        text_gflops: For one text.
        coco_recall: R@1, percent.
        source: Of the recall.
    """

    name: str
    dimension: int
    licence: str
    image_parameters_m: float
    text_parameters_m: float
    image_gflops: float
    text_gflops: float
    coco_recall: float
    source: str = OPEN_CLIP

    @property
    def download_mb(self) -> int:
        """What the weights take as float32."""
        return round(4 * (self.image_parameters_m + self.text_parameters_m))


KNOWN = {
    checkpoint.name: checkpoint
    for checkpoint in (
        KnownCheckpoint(DEFAULT, 512, "MIT", 87.9, 63.4, 8.8, 6.0, 39.3),
        # OpenAI's repositories name no licence; the weights came with openai/CLIP, which is MIT.
        KnownCheckpoint("openai/clip-vit-base-patch32", 512, "MIT", 87.9, 63.4, 8.8, 6.0, 30.4),
        KnownCheckpoint("openai/clip-vit-base-patch16", 512, "MIT", 86.2, 63.4, 35.1, 6.0, 33.1),
        KnownCheckpoint(
            "openai/clip-vit-large-patch14", 768, "MIT", 304.0, 123.7, 162.0, 13.3, 36.5
        ),
        KnownCheckpoint(
            "laion/CLIP-ViT-H-14-laion2B-s32B-b79K", 1024, "MIT", 632.1, 354.0, 334.6, 47.1, 49.5
        ),
        KnownCheckpoint(
            "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K",
            512,
            "MIT",
            87.9,
            63.4,
            11.5,
            6.0,
            39.9,
        ),
        KnownCheckpoint(
            "google/siglip-base-patch16-224", 768, "Apache-2.0", 92.9, 110.3, 35.4, 11.0, 47.8
        ),
        # As SigLIP, but for a vocabulary of 256,000 words, which costs memory and no time.
        KnownCheckpoint(
            "google/siglip2-base-patch16-224",
            768,
            "Apache-2.0",
            *(92.9, 282.3, 35.4, 11.0),
            coco_recall=52.1,
            source="SigLIP 2 paper (arXiv 2502.14786), table 1",
        ),
    )
}
