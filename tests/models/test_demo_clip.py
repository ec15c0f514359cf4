"""The demo model's parts that need no torch."""

import numpy as np
import pytest

from models.demo_clip.pictures import HELD_OUT_SPLIT, TRAINING_SPLIT, scene_of
from models.demo_clip.retrieval import precision_by_family, recall
from models.demo_clip.tokenizer import END_TOKEN, START_TOKEN, train_tokenizer
from models.demo_clip.truth import is_true, mirrored, rows
from models.world.captions import Caption, describe, is_true_of, queries
from models.world.scene import Landscape, Position, is_held_out

SCENES = [scene_of(split, i) for split in (TRAINING_SPLIT, HELD_OUT_SPLIT) for i in range(60)]


def test_truth_of_a_batch_is_the_truth_of_each_pair():
    rng = np.random.default_rng(0)
    captions = [describe(scene, rng) for scene in SCENES]
    captions += [caption for family in queries().values() for caption in family[::5]]

    expected = [[is_true_of(caption, scene) for scene in SCENES] for caption in captions]

    np.testing.assert_array_equal(is_true(rows(captions), rows(SCENES)), expected)


def test_flipping_twice_gives_the_scene_back_and_once_swaps_the_sides():
    sides = {Position.LEFT: Position.RIGHT, Position.RIGHT: Position.LEFT}
    for scene in SCENES:
        once = mirrored(scene)

        assert mirrored(once) == scene
        for before, after in zip(scene.groups, once.groups, strict=True):
            assert after.position is sides.get(before.position, before.position)


def test_training_never_meets_a_held_out_combination():
    for scene in SCENES[:60]:
        assert not any(is_held_out(scene.landscape, g.kind, g.colour) for g in scene.groups)


@pytest.mark.parametrize("text", ["a red balloon", "Ça va? 😀", "山の気球", "\x00\x7f", "x" * 300])
def test_tokenizer_encodes_any_text_between_start_and_end(text: str):
    tokenizer = train_tokenizer(["a red balloon"] * 3, merges=20)

    tokens = tokenizer.encode(text).tokens

    assert tokens[0] == START_TOKEN
    assert tokens[-1] == END_TOKEN
    assert END_TOKEN not in tokens[1:-1]


def test_special_tokens_come_last_as_in_clip():
    tokenizer = train_tokenizer(["a red balloon"] * 3)
    size = tokenizer.get_vocab_size()

    assert [tokenizer.id_to_token(size - 2), tokenizer.id_to_token(size - 1)] == [
        START_TOKEN,
        END_TOKEN,
    ]


def test_recall_counts_rows_with_something_right_among_the_first():
    cosines = np.array([[0.9, 0.1, 0.2], [0.1, 0.3, 0.2]], dtype=np.float32)
    true = np.array([[True, False, False], [False, False, True]])

    assert recall(cosines, true) == {1: 0.5, 5: 1.0, 10: 1.0}


def test_a_model_that_knows_the_landscape_has_full_precision_on_it():
    families = {"landscape": tuple(Caption(place, landscape=place) for place in Landscape)}
    axes = np.eye(len(Landscape), dtype=np.float32)
    axis_of = dict(zip(Landscape, axes, strict=True))

    figures = precision_by_family(
        families,
        lambda texts: np.stack([axis_of[Landscape(text)] for text in texts]),
        np.stack([axis_of[scene.landscape] for scene in SCENES]),
        SCENES,
    )

    assert figures["landscape"].precision == 1.0
    assert figures["landscape"].query_count == len(Landscape)
