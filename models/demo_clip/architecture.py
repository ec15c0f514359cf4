"""The shape of the demo CLIP, small enough to train on two CPU cores within the hour.

Owns sizes and the configuration handed to transformers. Knows nothing of captions, pictures or
training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPVisionConfig

from models.demo_clip.tokenizer import END_TOKEN, START_TOKEN

if TYPE_CHECKING:
    from tokenizers import Tokenizer

IMAGE_SIZE = 96
PATCH_SIZE = 16
CONTEXT_LENGTH = 48
EMBEDDING_DIMENSION = 128
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)

VISION_WIDTH = 160
VISION_LAYERS = 5
TEXT_WIDTH = 128
TEXT_LAYERS = 3
HEAD_WIDTH = 32


def demo_config(tokenizer: Tokenizer) -> CLIPConfig:
    """Describe the demo model to transformers.

    Args:
        tokenizer: Gives the vocabulary's size and the ids of the two special tokens.

    Returns:
        A configuration that pools the text tower at the first end token: transformers does so
        only when ``eos_token_id`` is not 2, its marker of an old mistake, and padding with the
        end token is then harmless.

    Raises:
        ValueError: The tokenizer lacks a special token, or its end token has id 2.
    """
    start, end = tokenizer.token_to_id(START_TOKEN), tokenizer.token_to_id(END_TOKEN)
    if start is None or end is None or end == 2:
        message = f"start token {start} and end token {end}: both are needed, and end must not be 2"
        raise ValueError(message)
    text = CLIPTextConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=TEXT_WIDTH,
        intermediate_size=4 * TEXT_WIDTH,
        projection_dim=EMBEDDING_DIMENSION,
        num_hidden_layers=TEXT_LAYERS,
        num_attention_heads=TEXT_WIDTH // HEAD_WIDTH,
        max_position_embeddings=CONTEXT_LENGTH,
        hidden_act="relu",  # GELU's backward pass took 14 % of a CPU step
        bos_token_id=start,
        eos_token_id=end,
        pad_token_id=end,
    )
    vision = CLIPVisionConfig(
        hidden_size=VISION_WIDTH,
        intermediate_size=4 * VISION_WIDTH,
        projection_dim=EMBEDDING_DIMENSION,
        num_hidden_layers=VISION_LAYERS,
        num_attention_heads=VISION_WIDTH // HEAD_WIDTH,
        image_size=IMAGE_SIZE,
        patch_size=PATCH_SIZE,
        hidden_act="relu",
    )
    return CLIPConfig(
        text_config=text.to_dict(),
        vision_config=vision.to_dict(),
        projection_dim=EMBEDDING_DIMENSION,
        logit_scale_init_value=2.6592,  # ln(1 / 0.07), CLIP's own
    )


def new_model(tokenizer: Tokenizer) -> CLIPModel:
    """Build the demo model with random weights, drawn from torch's global generator."""
    return CLIPModel(demo_config(tokenizer))
