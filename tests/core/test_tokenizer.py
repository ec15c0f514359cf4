from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from photo_search.errors import InvalidQuery, ModelError
from photo_search.model_bundle import ModelBundle, Pooling, TextCleaning, TextSpec
from photo_search.tokenizer import Tokenizer

GOLDEN = Path(__file__).parent / "golden"
GOLDEN_FILE = json.loads((GOLDEN / "tokenizer_golden.json").read_text())
ROWS = GOLDEN_FILE["rows"]
START, END, PAD = 49406, 49407, 0
CLIP_SPEC = TextSpec(
    context_length=77,
    lowercase=True,
    clean=TextCleaning.CLIP,
    start_token_id=START,
    end_token_id=END,
    pad_token_id=PAD,
    pooling=Pooling.FIRST_EOT,
    causal=True,
)


@pytest.fixture(scope="module")
def clip_bundle(tiny_bundle: ModelBundle, tmp_path_factory: pytest.TempPathFactory) -> ModelBundle:
    directory = tmp_path_factory.mktemp("clip")
    (directory / "tokenizer.json").write_bytes(
        gzip.decompress((GOLDEN / "clip_tokenizer.json.gz").read_bytes())
    )
    return replace(tiny_bundle, directory=directory, text=CLIP_SPEC)


@pytest.fixture(scope="module")
def tokenizer(clip_bundle: ModelBundle) -> Tokenizer:
    return tokenizer_of(clip_bundle)


def tokenizer_of(bundle: ModelBundle) -> Tokenizer:
    return Tokenizer(bundle.tokenizer_path, bundle.text)


def _ids(tokenizer: Tokenizer, text: str) -> list[int]:
    ids: list[int] = tokenizer.tokenize([text]).token_ids[0].tolist()
    return ids


def test_the_golden_vocabulary_is_the_one_that_provenance_names(clip_bundle):
    digest = hashlib.sha256(clip_bundle.tokenizer_path.read_bytes()).hexdigest()

    assert digest == GOLDEN_FILE["provenance"]["clip_tokenizer_sha256"]


def test_the_golden_list_holds_every_kind_of_text():
    texts = [row["text"] for row in ROWS]

    assert len(texts) >= 40
    for needed in ("\U0001f600", "caf\u00e9", "&amp;", "&amp;amp;", "\u65e5", "_", "'s", "\x00"):
        assert any(needed in text for text in texts)
    assert any(len(text.split()) == 200 for text in texts)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: ascii(row["text"][:30]))
def test_ids_equal_those_of_open_clip_on_raw_text(tokenizer, row):
    assert _ids(tokenizer, row["text"]) == row["open_clip"]


@pytest.mark.parametrize(
    "row",
    [row for row in ROWS if row["clip_tokenizer"] is not None],
    ids=lambda row: ascii(row["text"][:30]),
)
def test_ids_equal_those_of_clip_tokenizer_on_cleaned_text(tokenizer, row):
    assert _ids(tokenizer, row["cleaned"]) == row["clip_tokenizer"]


def test_a_batch_gives_the_rows_that_each_text_gives_alone(tokenizer):
    tokens = tokenizer.tokenize([row["text"] for row in ROWS])

    assert tokens.token_ids.dtype == np.int64
    assert tokens.token_ids.shape == (len(ROWS), 77)
    for ids, row in zip(tokens.token_ids, ROWS, strict=True):
        expected = row["open_clip"]
        assert ids[: len(expected)].tolist() == expected
        assert set(ids[len(expected) :]) <= {PAD}


def test_a_text_longer_than_the_context_is_cut_and_still_ends_with_the_end_token(tokenizer):
    tokens = tokenizer.tokenize(["word " * 75, "word " * 76])

    assert tokens.truncated == (False, True)
    assert tokens.token_ids.shape == (2, 77)
    assert tokens.token_ids[:, -1].tolist() == [END, END]


def test_a_causal_batch_is_as_long_as_its_longest_row(tokenizer):
    token_ids = tokenizer.tokenize(["cat", "a red cat"]).token_ids

    assert token_ids.tolist() == [[START, 2368, END, PAD, PAD], [START, 320, 736, 2368, END]]


def test_padding_uses_the_pad_token_of_the_bundle(clip_bundle):
    padding_with_end = replace(clip_bundle, text=replace(CLIP_SPEC, pad_token_id=END))

    token_ids = tokenizer_of(padding_with_end).tokenize(["cat", "a red cat"]).token_ids

    assert token_ids[0].tolist() == [START, 2368, END, END, END]


def test_a_tower_that_is_not_causal_gets_the_whole_context(clip_bundle):
    both_ways = replace(clip_bundle, text=replace(CLIP_SPEC, causal=False, context_length=10))

    token_ids = tokenizer_of(both_ways).tokenize(["cat"]).token_ids

    assert token_ids.tolist() == [[START, 2368, END] + [PAD] * 7]


def test_siglip_drops_punctuation_opens_with_no_token_and_fills_the_context(clip_bundle):
    siglip = replace(
        CLIP_SPEC,
        context_length=6,
        clean=TextCleaning.SIGLIP,
        start_token_id=None,
        pooling=Pooling.LAST_TOKEN,
        causal=False,
    )
    tokenizer = tokenizer_of(replace(clip_bundle, text=siglip))

    tokens = tokenizer.tokenize([" A  red,\tcat! ", "a red cat a red", "a red cat a red cat"])

    assert tokens.token_ids.tolist() == [
        [320, 736, 2368, END, PAD, PAD],
        [320, 736, 2368, 320, 736, END],
        [320, 736, 2368, 320, 736, END],
    ]
    assert tokens.truncated == (False, False, True)
    with pytest.raises(InvalidQuery, match="empty after cleaning"):
        tokenizer.tokenize(["?!"])


def test_no_texts_give_no_rows(tokenizer):
    assert tokenizer.tokenize([]).token_ids.shape[0] == 0


@pytest.mark.parametrize(
    "text", ["", "   ", "\t\n", "\x00", "\x00 \x07", "&nbsp;", "\u3000", "\ufeff"]
)
def test_a_text_that_is_empty_after_cleaning_is_rejected(tokenizer, text):
    with pytest.raises(InvalidQuery, match="empty after cleaning"):
        tokenizer.tokenize(["cat", text])


def test_control_characters_are_left_out(tokenizer):
    assert _ids(tokenizer, "a \x00r\x07ed\x7f \x1b[1mcat\x1b[0m") == _ids(tokenizer, "a red cat")


def test_lone_surrogates_do_not_stop_the_tokenizer(tokenizer):
    assert _ids(tokenizer, "cat \ud800") == _ids(tokenizer, "cat \ufffd")


@pytest.mark.parametrize("typed", ["<|endoftext|>", "<|startoftext|>", "<|EndOfText|>"])
def test_a_typed_special_token_does_not_become_one(tokenizer, typed):
    ids = _ids(tokenizer, f"a cat {typed} a dog")

    assert ids.count(START) == ids.count(END) == 1
    assert ids[-3:-1] == [320, 1929]


@given(st.text(max_size=120))
@settings(max_examples=200, deadline=None)
def test_any_text_gives_one_start_and_one_end_or_is_rejected(tokenizer, text):
    try:
        ids = _ids(tokenizer, text)
    except InvalidQuery:
        return

    assert (ids[0], ids[-1], ids.count(START), ids.count(END)) == (START, END, 1, 1)
    assert 3 <= len(ids) <= 77


def test_a_megabyte_of_text_is_cut(tokenizer):
    tokens = tokenizer.tokenize(["a" * 1_000_000, "&amp;" * 50_000, "b c " * 60_000])

    assert tokens.truncated == (True, True, True)


def test_without_cleaning_and_lower_case_the_text_is_left_as_it_is(tiny_bundle):
    raw = replace(tiny_bundle.text, clean=TextCleaning.NONE, lowercase=False)

    tokens = tokenizer_of(replace(tiny_bundle, text=raw)).tokenize(["red RED &amp;"])

    assert tokens.token_ids[0].tolist() == [1, 4, 3, 3, 3, 3, 2]


def test_lower_case_is_as_the_bundle_says(tiny_bundle):
    assert tokenizer_of(tiny_bundle).tokenize(["RED Green"]).token_ids.tolist() == [[1, 4, 5, 2]]


def test_settings_in_the_tokenizer_file_change_nothing(clip_bundle, tmp_path):
    configured = tokenizers.Tokenizer.from_file(str(clip_bundle.tokenizer_path))
    configured.enable_truncation(max_length=4)
    configured.enable_padding(length=77, pad_id=7)
    configured.save(str(tmp_path / "tokenizer.json"))

    token_ids = tokenizer_of(replace(clip_bundle, directory=tmp_path)).tokenize(["a red cat a"])

    assert token_ids.token_ids.tolist() == [[START, 320, 736, 2368, 320, END]]


def test_a_missing_tokenizer_file_is_named(tiny_bundle, tmp_path):
    with pytest.raises(ModelError, match=str(tmp_path / "tokenizer.json")):
        tokenizer_of(replace(tiny_bundle, directory=tmp_path))


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\x00", b'{"version": "1.0", "model": 3}'])
def test_a_file_that_is_no_tokenizer_is_named(tiny_bundle, tmp_path, content):
    (tmp_path / "tokenizer.json").write_bytes(content)

    with pytest.raises(ModelError, match=str(tmp_path / "tokenizer.json")):
        tokenizer_of(replace(tiny_bundle, directory=tmp_path))


@pytest.mark.parametrize(
    ("text", "imported"),
    [
        ("Cats &amp; dogs,\tit's 3 \x00!", False),
        ("caf\u00e9", True),
        ("caf&eacute;", True),
    ],
)
def test_ftfy_is_imported_only_for_text_beyond_ascii(tiny_bundle_dir, text, imported):
    program = (
        "import sys; from pathlib import Path\n"
        "from photo_search.model_bundle import read_model_bundle\n"
        "from photo_search.tokenizer import Tokenizer\n"
        f"bundle = read_model_bundle(Path({str(tiny_bundle_dir)!r}))\n"
        f"Tokenizer(bundle.tokenizer_path, bundle.text).tokenize([{text!r}])\n"
        "print('ftfy' in sys.modules)"
    )

    printed = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": "lambda_src"},
        cwd=GOLDEN.parents[2],
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert printed.strip() == str(imported)
