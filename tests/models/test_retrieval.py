"""``make recall``: recall of captioned pictures, as COCO and Flickr30k list them."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.captions import CAPTIONS_EACH, read_captions
from benchmarks.retrieval import BAR, Recall, is_missed, main, recall_percent
from models.world.captions import caption
from models.world.render import render
from models.world.scene import sample_scene
from photo_search.errors import SourceInvalid
from tests.tiny_bundle import write_tiny_bundle

DEMO = Path("models/demo").resolve()
PICTURES = 24
Write = Callable[[Path, list[tuple[str, list[str]]]], Path]


def karpathy(path: Path, pictures: list[tuple[str, list[str]]]) -> Path:
    images = [
        {
            "filepath": "val2014",
            "filename": name,
            "split": "test",
            "sentences": [{"raw": text} for text in texts],
        }
        for name, texts in pictures
    ]
    images.append({"filename": "0.jpg", "split": "train", "sentences": [{"raw": "left out"}]})
    path.write_text(json.dumps({"dataset": "coco", "images": images}), encoding="utf-8")
    return path


def coco(path: Path, pictures: list[tuple[str, list[str]]]) -> Path:
    images = [{"id": 7 + number, "file_name": name} for number, (name, _) in enumerate(pictures)]
    annotations = [
        {"image_id": 7 + number, "caption": texts[place]}
        for place in range(max(len(texts) for _, texts in pictures))
        for number, (_, texts) in enumerate(pictures)
        if place < len(texts)
    ]
    content = {"info": {}, "images": images, "annotations": annotations}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


both_kinds = pytest.mark.parametrize("write", [karpathy, coco])


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("images")


@pytest.fixture(scope="module")
def drawn(images: Path) -> list[tuple[str, list[str]]]:
    """Pictures of the drawn world, each with six captions."""
    rng = np.random.default_rng(11)
    pictures = []
    for number in range(PICTURES):
        scene = sample_scene(rng)
        render(scene, 240, 160).save(images / f"{number}.jpg", quality=88)
        # Who describes a picture tells most of what is in it.
        texts = [max((caption(scene, rng) for _ in range(20)), key=len) for _ in range(6)]
        pictures.append((f"{number}.jpg", texts))
    return pictures


def ask(*arguments: str | Path) -> int:
    return main([str(argument) for argument in arguments])


def test_recall_of_a_few_embeddings_is_what_a_hand_counts():
    # Two pictures and three texts: the first two are of picture 0, the last of picture 1.
    images = np.array([[1, 0], [0, 1]], np.float32)
    texts = np.array([[0.6, 0.8], [1, 0], [0.8, 0.6]], np.float32)
    owners, numbers = np.array([0, 0, 1]), np.arange(2)

    found = recall_percent(texts, images, owners, numbers)
    named = recall_percent(images, texts, numbers, owners)

    # Only the second text is nearest to its own picture; with two pictures, five are all.
    assert found == {1: pytest.approx(100 / 3), 5: 100, 10: 100}
    # Picture 0 has one of its texts first; picture 1 has (0.6, 0.8) first, a text of picture 0.
    assert named == {1: 50, 5: 100, 10: 100}


def test_one_right_caption_among_the_first_five_is_enough():
    texts = np.array([[1 - n / 20, 0] for n in range(12)], np.float32)
    picture = np.array([[1, 0]], np.float32)
    wrong, right = np.ones(12, np.int64), np.zeros(1, np.int64)

    for place, expected in ((0, [100, 100, 100]), (4, [0, 100, 100]), (9, [0, 0, 100])):
        owners = wrong.copy()
        owners[[place, 11]] = 0  # the last one is beyond the tenth place, and costs nothing
        assert list(recall_percent(picture, texts, right, owners).values()) == expected


def test_queries_in_many_blocks_count_alike():
    rng = np.random.default_rng(0)
    texts, images = (rng.normal(size=(700, 8)).astype(np.float32) for _ in range(2))
    numbers = np.arange(700)

    found = recall_percent(texts, images, numbers, numbers)

    cosines = texts @ images.T
    places = (cosines > np.diag(cosines)[:, None]).sum(axis=1)
    assert found == {k: pytest.approx(100 * (places < k).mean()) for k in (1, 5, 10)}


@both_kinds
def test_both_kinds_of_file_give_the_first_five_captions_of_each_picture(
    images: Path, drawn: list[tuple[str, list[str]]], tmp_path: Path, write: Write
):
    read = read_captions(write(tmp_path / "captions.json", drawn), images, split="test")

    assert [one.file for one in read] == [images / name for name, _ in drawn]
    assert [list(one.captions) for one in read] == [texts[:CAPTIONS_EACH] for _, texts in drawn]


def test_pictures_may_lie_in_the_folder_that_the_file_names(tmp_path: Path):
    (tmp_path / "val2014").mkdir()
    (tmp_path / "val2014" / "0.jpg").touch()
    path = karpathy(tmp_path / "captions.json", [("0.jpg", ["a kite"])])

    (picture,) = read_captions(path, tmp_path, split="test")

    assert picture.file == tmp_path / "val2014" / "0.jpg"


@both_kinds
def test_the_demo_model_finds_most_of_its_pictures(
    images: Path,
    drawn: list[tuple[str, list[str]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write: Write,
):
    captions = write(tmp_path / "captions.json", drawn)
    monkeypatch.chdir(tmp_path)

    code = ask("--bundle", DEMO, "--against", DEMO, "--captions", captions, "--images", images)

    figures = json.loads(Path("build/bench/retrieval.json").read_text())["rows"]
    assert code == 0
    assert [row["bundle"] for row in figures] == [f"{DEMO} (int8)"] * 2 + ["points lost"]
    # By chance, 4, 21 and 42 of a hundred.
    assert figures[0]["text→image R@1"] > 40
    assert figures[0]["text→image R@10"] > 90
    assert figures[0]["image→text R@10"] > 90
    assert set(figures[2].values()) == {"points lost", 0}


def test_more_lost_than_the_bar_is_told_and_ends_with_1(
    images: Path,
    drawn: list[tuple[str, list[str]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    captions = karpathy(tmp_path / "captions.json", drawn)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("benchmarks.retrieval.BAR", {1: -1.0, 5: 0.0, 10: 0.0})

    code = ask("--bundle", DEMO, "--against", DEMO, "--captions", captions, "--images", images)

    assert code == 1
    assert "recall are lost: 0.0 of R@1 (at most -1.0), 0.0 of R@5" in capsys.readouterr().out


def test_the_bar_counts_two_decimals_and_text_to_image_alone():
    lost = {k: most + 0.004 for k, most in BAR.items()}

    assert not is_missed(Recall(lost, dict.fromkeys(BAR, 9.0)))
    for k in BAR:
        assert is_missed(Recall(lost | {k: BAR[k] + 0.01}, lost))


def refused(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    assert ask(*arguments) == 2
    message = capsys.readouterr().err
    assert message.startswith("recall: ")
    assert message.count("\n") == 1
    return message


def test_bundles_of_two_spaces_are_not_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    other = write_tiny_bundle(tmp_path / "tiny")
    places = ("--captions", tmp_path, "--images", tmp_path)

    message = refused(capsys, "--bundle", DEMO, "--against", other, *places)

    assert f"{DEMO} and {other} are not of one checkpoint: their fingerprints differ" in message


def test_a_directory_without_a_bundle_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    places = ("--captions", tmp_path, "--images", tmp_path)

    assert str(tmp_path / "model.json") in refused(capsys, "--bundle", tmp_path, *places)


def test_missing_pictures_are_counted_and_the_first_is_named(
    images: Path,
    drawn: list[tuple[str, list[str]]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    captions = karpathy(tmp_path / "captions.json", [*drawn, ("x.jpg", ["a"]), ("y.jpg", ["b"])])

    message = refused(capsys, "--bundle", DEMO, "--captions", captions, "--images", images)

    first = images / "val2014" / "x.jpg"
    assert f"2 of {PICTURES + 2} pictures are missing, the first is {first}" in message


def test_a_picture_that_cannot_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "0.jpg").write_bytes(b"no picture")
    captions = coco(tmp_path / "captions.json", [("0.jpg", ["a kite"])])

    assert ask("--bundle", DEMO, "--captions", captions, "--images", tmp_path) == 2
    assert f"recall: {tmp_path / '0.jpg'}: 10 bytes that are no" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    [
        "not json",
        "[]",
        "{}",
        '{"images": [{"id": 1, "file_name": "0.jpg"}], "annotations": [{"image_id": 1}]}',
        '{"images": [{"split": "test", "filename": "0.jpg"}]}',
        '{"images": [{"split": "test", "filename": "0.jpg", "sentences": [{"raw": 3}]}]}',
    ],
)
def test_a_file_of_neither_kind_is_refused(tmp_path: Path, content: str):
    path = tmp_path / "captions.json"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(SourceInvalid, match=r"captions\.json holds neither Karpathy's splits nor"):
        read_captions(path, tmp_path, split="test")


def test_a_split_without_pictures_is_refused_with_those_that_have_some(tmp_path: Path):
    path = karpathy(tmp_path / "captions.json", [("0.jpg", ["a"]), ("1.jpg", ["b"])])

    with pytest.raises(SourceInvalid, match="no pictures of split 'val', but 2 of 'test', 1 of"):
        read_captions(path, tmp_path, split="val")


@pytest.mark.parametrize("texts", [[], ["a kite", " "]])
@both_kinds
def test_a_picture_without_words_is_refused(tmp_path: Path, write: Write, texts: list[str]):
    path = write(tmp_path / "captions.json", [("0.jpg", ["a kite"]), ("1.jpg", texts)])

    with pytest.raises(SourceInvalid, match=r"1\.jpg has no caption, or an empty one"):
        read_captions(path, tmp_path, split="test")


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path):
    with pytest.raises(SourceInvalid, match=r"none\.json cannot be read: No such file"):
        read_captions(tmp_path / "none.json", tmp_path, split="test")
