"""Our tokenizer against those of transformers, on 2,000 texts of each kind."""

import gzip
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import sentencepiece
import tokenizers
from tokenizers.models import BPE, Unigram
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer
from transformers import CLIPTokenizer, Siglip2Tokenizer, SiglipTokenizer

from models.preparation import text_spec
from models.tokenizer_file import compact
from photo_search.model_bundle import TextSpec
from photo_search.tokenizer import Tokenizer, _cleaned
from tests.models_torch.tiny_checkpoints import siglip_tokenizer

GOLDEN = Path(__file__).parents[1] / "core" / "golden"
COUNT = 2000
WORDS = (
    "a red Balloon over Snowy mountains at NIGHT two tents in the desert don't they're I'll 's "
    "rock'n'roll 3 42nd 1,000 3.14 e-mail me@example.com snake_case #tag (c) C++ & <i> %20 ... ?! "
    "café naïve Ångström straße ﬁne x² ½ Ⅷ Θάλασσα Красный шар 山 雪山の夜 한국어 مرحبا שלום "
    "हिमालय ไทย 😀 👨‍👩‍👧 ❤️ 🇩🇪 — “quoted” ‘it’s’ …"
)
SPACES = (" ", " ", " ", " ", "  ", "\t", "\n", "", "-", ", ", "\u00a0")


def texts() -> list[str]:
    """Give texts of one to eighty words, from many scripts and with all kinds of white space."""
    rng = np.random.default_rng(0)
    words = WORDS.split()
    made = []
    for number in range(COUNT):
        length = rng.integers(1, 81 if number % 10 == 0 else 10)
        pieces = zip(rng.choice(words, size=length), rng.choice(SPACES, size=length), strict=True)
        made.append("".join(word + space for word, space in pieces))
    return made


def tokenizer_and_spec(path: Path, kind: str, context: int) -> tuple[Tokenizer, TextSpec]:
    """Read a tokenizer.json as the exporter does; no trimming, so that rows compare whole."""
    spec = text_spec(path.read_bytes(), kind=kind, context_length=context, vocabulary=10**6)
    return Tokenizer(path, replace(spec, causal=False)), spec


def require_equal(ours: Tokenizer, theirs, texts: list[str], *, context: int) -> None:
    expected = theirs(texts, padding="max_length", truncation=True, max_length=context)["input_ids"]
    actual = ours.tokenize(texts).token_ids.tolist()
    different = [text for text, a, e in zip(texts, actual, expected, strict=True) if a != e]
    assert different == []


def test_the_compact_file_makes_the_same_tokenizer_of_clips_and_is_smaller():
    written = gzip.decompress((GOLDEN / "clip_tokenizer.json.gz").read_bytes())

    short = compact(written)

    assert len(short) < len(written) * 0.9
    made, expected = (tokenizers.Tokenizer.from_str(one.decode()) for one in (short, written))
    assert made.to_str() == expected.to_str()
    assert compact(short) == short


def test_merges_of_tokens_with_spaces_stay_pairs():
    file = {"model": {"type": "BPE", "vocab": {"a": 0, " ": 1, "a ": 2}, "merges": [["a", " "]]}}

    assert json.loads(compact(json.dumps(file).encode())) == file


def test_ids_are_those_of_clip_tokenizer(tmp_path: Path):
    path = tmp_path / "tokenizer.json"
    path.write_bytes(gzip.decompress((GOLDEN / "clip_tokenizer.json.gz").read_bytes()))
    words = json.loads(path.read_bytes())["model"]
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in words["merges"]]
    theirs = CLIPTokenizer(vocab=words["vocab"], merges=merges)
    ours, _ = tokenizer_and_spec(path, "clip", 77)

    # It neither mends wrong encodings nor reads HTML's entities, as CLIP's reference code does.
    require_equal(ours, theirs, [_cleaned(text) for text in texts()], context=77)


def test_ids_are_those_of_siglip_tokenizer(tmp_path: Path):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text.lower() for text in texts()),
        model_writer=model,
        vocab_size=300,
        normalization_rule_name="identity",
        character_coverage=0.98,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    (tmp_path / "spiece.model").write_bytes(model.getvalue())
    theirs = SiglipTokenizer(str(tmp_path / "spiece.model"), model_max_length=64)
    pieces = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    words = [(pieces.id_to_piece(i), pieces.get_score(i)) for i in range(len(pieces))]
    path = tmp_path / "tokenizer.json"
    siglip_tokenizer(Unigram(words, unk_id=2)).save(str(path))
    ours, spec = tokenizer_and_spec(path, "siglip", 64)

    assert (spec.end_token_id, spec.pad_token_id) == (1, 1)
    # What begins with white space gets an empty first word there, as nowhere in training.
    require_equal(ours, theirs, [f"a{text}" for text in texts()], context=64)


def test_ids_are_those_of_siglip2_tokenizer(tmp_path: Path):
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    special += [f"<0x{byte:02X}>" for byte in range(256)]
    learner = siglip_tokenizer(BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    trainer = BpeTrainer(vocab_size=700, special_tokens=special, limit_alphabet=120)
    learner.train_from_iterator(texts(), trainer)
    words = json.loads(learner.to_str())["model"]
    merges = [tuple(pair) for pair in words["merges"]]
    theirs = Siglip2Tokenizer(vocab=words["vocab"], merges=merges, padding_side="right")
    # As in the hub's file; the class itself knows of no end.
    theirs.backend_tokenizer.post_processor = TemplateProcessing(
        single="$A <eos>", special_tokens=[("<eos>", 1)]
    )
    theirs.save_pretrained(tmp_path)
    ours, spec = tokenizer_and_spec(tmp_path / "tokenizer.json", "siglip", 64)

    assert (spec.end_token_id, spec.pad_token_id) == (1, 0)
    require_equal(ours, theirs, texts(), context=64)
