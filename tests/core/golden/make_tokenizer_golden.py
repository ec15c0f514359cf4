"""Makes the tokenizer's golden files from the reference implementations.

Writes ``clip_tokenizer.json.gz`` (CLIP's own vocabulary, as transformers' CLIPTokenizer saves it)
and ``tokenizer_golden.json`` (texts with the ids that the references give). CLIP's vocabulary is
part of openai/CLIP (Copyright (c) 2021 OpenAI) and of open_clip, both under the MIT licence; the
licence is in ``clip_tokenizer.LICENSE``.

In an environment with transformers 5.23.0, torch 2.15.0, ftfy 6.3.1 and regex 2026.11.15::

    pip download --no-deps open_clip_torch==3.3.0 && unzip -d WHEEL open_clip_torch-3.3.0-*.whl
    python tests/core/golden/make_tokenizer_golden.py WHEEL/open_clip
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import importlib.util
import json
import tempfile
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

from transformers import CLIPTokenizer

HERE = Path(__file__).parent
START, END = "<|startoftext|>", "<|endoftext|>"
TEXTS = [
    "a photo of a cat",
    "Red BALLOON over Snowy Mountains",
    "the dog's ball, they're here; I've, we'll, I'm, can't, he'd",
    "THE DOG'S BALL AND THEY'RE",
    "rock 'n' roll ''' 's",
    "12345 and 3.14, 2nd of 1,000,000",
    "snake_case __init__ a_b",
    "tab\there\nnew\r\nline\rreturn \f feed",
    "  leading, trailing   and    inner  ",
    "hyphen-ated e-mail me@example.com #hashtag https://example.com/a?b=c&d=e",
    "!!! ??? ... -- *** $%^",
    "caf\u00e9",
    "cafe\u0301 na\u00efve \u00c5ngstr\u00f6m",
    "caf\u00c3\u00a9",
    "it\u00e2\u20ac\u2122s \u00e2\u20ac\u0153quoted\u00e2\u20ac\u009d",
    "\u201ccurly\u201d and it\u2019s \u2018single\u2019",
    "cats &amp; dogs",
    "cats &amp;amp; dogs",
    "&lt;b&gt;bold&lt;/b&gt; <i>italic</i>",
    "caf&eacute; it&rsquo;s &#39;quoted&#39; &#x1F600;",
    "non&nbsp;breaking\u00a0space\u3000wide\u2003em",
    "\U0001f600",
    "a \U0001f468\u200d\U0001f469\u200d\U0001f467 family \u2764\ufe0f",
    "\U0001f1e9\U0001f1ea \U0001f44d\U0001f3fd",
    "\u65e5\u672c\u306e\u5c71 \u96ea",
    "\u4e2d\u56fd\u57ce\u5e02\u7684\u591c\u666f",
    "\ud55c\uad6d\uc5b4 \ubc14\ub2e4",
    "\u041a\u0440\u0430\u0441\u043d\u044b\u0439 \u0448\u0430\u0440",
    "\u03b7 \u0398\u03ac\u03bb\u03b1\u03c3\u03c3\u03b1\u03c2",
    "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd",
    "\u0939\u093f\u092e\u093e\u0932\u092f \u0e17\u0e30\u0e40\u0e25",
    "stra\u00dfe \u0130stanbul \ufb01ne \uff37\uff29\uff24\uff25",
    "x\u00b2 \u00bd \u2460 \u2167",
    "nul\x00byte bell\x07 \x1b[31mred\x1b[0m del\x7f",
    "zero\u200bwidth \ufeffmark",
    "a cat <|endoftext|> a dog",
    "<|startoftext|>",
    "x<|ENDOFTEXT|>!?",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
    "a" * 300,
    " ".join(["word"] * 74),
    " ".join(["word"] * 75),
    " ".join(["word"] * 76),
    " ".join(f"word{number}" for number in range(200)),
    "\u5c71" * 200,
]


def main() -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("open_clip", type=Path, help="the package's directory")
    reference = _load(parser.parse_args().open_clip / "tokenizer.py")
    open_clip = reference.SimpleTokenizer()
    clip_tokenizer = _clip_tokenizer(open_clip)
    rows = []
    for text in TEXTS:
        # (77,) zero after the end token; no end token can come earlier
        padded = open_clip([text])[0].tolist()
        cleaned = reference._clean_lower(text)
        rows.append(
            {
                "text": text,
                "cleaned": cleaned,
                "open_clip": padded[: padded.index(open_clip.eot_token_id) + 1],
                # It reads these words as special tokens, which photo-search refuses on purpose.
                "clip_tokenizer": None
                if START in cleaned or END in cleaned
                else clip_tokenizer(cleaned, truncation=True, max_length=77)["input_ids"],
            }
        )
    _write(clip_tokenizer, rows)


def _load(path: Path) -> ModuleType:
    """Import open_clip's tokenizer alone: its package would ask for torchvision and timm."""
    spec = importlib.util.spec_from_file_location("open_clip_tokenizer", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _clip_tokenizer(open_clip) -> CLIPTokenizer:
    names = {"<start_of_text>": START, "<end_of_text>": END}
    vocab = {names.get(token, token): token_id for token, token_id in open_clip.encoder.items()}
    ranks = open_clip.bpe_ranks
    return CLIPTokenizer(vocab=vocab, merges=sorted(ranks, key=ranks.get))


def _write(clip_tokenizer: CLIPTokenizer, rows: list[dict[str, object]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        clip_tokenizer.save_pretrained(directory)
        saved = json.loads((Path(directory) / "tokenizer.json").read_bytes())
    compact = json.dumps(saved, ensure_ascii=False, separators=(",", ":")).encode()
    (HERE / "clip_tokenizer.json.gz").write_bytes(gzip.compress(compact, 9, mtime=0))
    golden = {
        "provenance": {
            "made_by": "tests/core/golden/make_tokenizer_golden.py",
            "versions": {
                "open_clip_torch": "3.3.0",
                **{name: version(name) for name in ("transformers", "tokenizers", "ftfy", "regex")},
            },
            "licence": "vocabulary: MIT, openai/CLIP and mlfoundations/open_clip",
            "clip_tokenizer_sha256": hashlib.sha256(compact).hexdigest(),
        },
        "rows": rows,
    }
    text = json.dumps(golden, indent=1)
    # One list of ids per line reads better than one id per line.
    (HERE / "tokenizer_golden.json").write_text(_joined(text), encoding="ascii")


def _joined(text: str) -> str:
    lines: list[str] = []
    for line in text.splitlines(keepends=True):
        if line.strip().rstrip(",").isdigit() or line.strip() in ("]", "],"):
            lines[-1] = lines[-1].rstrip("\n") + line.strip() + "\n"
        else:
            lines.append(line)
    return "".join(lines)


if __name__ == "__main__":
    main()
