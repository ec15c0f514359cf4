"""What the Lambda has imported once it has answered a query by words: names, not times.

A name that comes to these lists costs every cold start; take it in only where the first answer
needs it. ``python -m benchmarks.startup`` tells what each costs.
"""

from __future__ import annotations

import sys

import pytest

from tests.api.test_start import run

FIRST_ANSWER = """
import json, sys
from types import SimpleNamespace
import lambda_entry
context = SimpleNamespace(aws_request_id="1", function_name="f")
answer = lambda_entry.handler({"text": "red"}, context)
assert answer["hits"], answer
print(json.dumps(sorted(sys.modules)))
"""

# jmespath, typing_extensions and the mere top of botocore come with Powertools, the last two only
# where they are installed.
PACKAGES = {
    "aws_lambda_powertools", "handler", "http_api", "jmespath", "lambda_entry", "numpy",
    "onnxruntime", "photo_search", "tokenizers",
}  # fmt: skip
WITH_POWERTOOLS = {"botocore", "typing_extensions"}
OF_THE_INSTALLATION = {"__main__", "_distutils_hack"}

# Parts of the standard library that take milliseconds and have slipped in elsewhere before.
SLOW_STANDARD = {"multiprocessing", "unittest", "xml", "pdb", "doctest", "argparse", "csv"}

CORE = {
    "arrays", "aws_credentials", "checksums", "container_credentials", "cpus", "device",
    "encoder", "errors", "huge_pages", "index", "model_bundle", "photo", "post_transform",
    "s3_links", "s3_url", "search", "search_request", "setting_values", "settings", "tokenizer",
    "unit_norm",
}  # fmt: skip
ENGINE = {
    "checks", "embedding_blocks", "fusion", "photo_row", "protocol", "ranking", "sign_bits",
    "sqlite", "sqlite_blocks", "sqlite_facets", "sqlite_file", "sqlite_hybrid", "sqlite_photos",
    "sqlite_schema", "url", "words",
}  # fmt: skip


@pytest.fixture(scope="module")
def loaded(settings) -> set[str]:
    """Every module in memory after the first answer, of a fresh process."""
    return set(
        run(
            FIRST_ANSWER,
            MODEL_DIR=str(settings.model_dir),
            INDEX_URL=settings.index_url,
            PRELOAD="text",
        )
    )


def within(loaded: set[str], package: str) -> set[str]:
    """Modules directly in a package."""
    inside = (name.removeprefix(f"{package}.") for name in loaded if name.startswith(f"{package}."))
    return {name for name in inside if "." not in name}


def test_a_first_answer_imports_these_packages_and_no_other(loaded):
    packages = {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names
    ours = {name for name in packages if not name.startswith("__editable__")}

    assert ours - WITH_POWERTOOLS - OF_THE_INSTALLATION == PACKAGES


def test_a_first_answer_imports_these_modules_of_the_core_and_no_other(loaded):
    assert within(loaded, "photo_search") == CORE
    assert within(loaded, "photo_search.index") == ENGINE


def test_a_first_answer_imports_no_slow_part_of_the_standard_library(loaded):
    assert not SLOW_STANDARD & loaded
