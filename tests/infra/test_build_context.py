"""Which edit changes an image: its hash follows exactly the files that its ignore file lets in."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import aws_cdk as cdk
import pytest

from tests.conftest import REPOSITORY

pytestmark = pytest.mark.infra  # the CDK, which reads the ignore files here, takes Node

SEARCH, INGEST = "lambda_src/Dockerfile", "ingest/Dockerfile"
BOTH = {SEARCH, INGEST}
# Folders that fill up beside a checkout's files, all of them large.
LITTER = (".venv/lib/x.py", "build/demo/photos.db", "cdk.out/x.json", ".git/HEAD", "models/x.onnx")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of what the repository holds, with caches and other litter."""
    copy = tmp_path_factory.mktemp("checkout")
    listed = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    done = subprocess.run(listed, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    caches = ("lambda_src/photo_search/__pycache__/x.pyc", "ingest/sources/__pycache__/x.pyc")
    for name in filter(None, done.stdout.split("\0")):
        if (REPOSITORY / name).is_file():
            place(copy / name)
            shutil.copyfile(REPOSITORY / name, copy / name)
    for name in (*LITTER, *caches):
        place(copy / name).write_text("litter")
    return copy


@pytest.mark.parametrize(
    ("edited", "changed"),
    [
        ("lambda_src/photo_search/search.py", BOTH),
        ("lambda_src/photo_search/index/opensearch_schema.json", BOTH),
        ("lambda_src/photo_search/a_new_module.py", BOTH),
        ("lambda_src/install-packages.sh", BOTH),
        ("lambda_src/requirements-runtime.txt", BOTH),
        ("models/demo/text.onnx", BOTH),
        ("build/bundle/model.json", BOTH),
        ("build/bundle-gpu/model.json", {INGEST}),
        ("lambda_src/Dockerfile", {SEARCH}),
        ("lambda_src/handler.py", {SEARCH}),
        ("lambda_src/http_api/routes.py", {SEARCH}),
        ("lambda_src/requirements.txt", {SEARCH}),
        ("ingest/Dockerfile", {INGEST}),
        ("ingest/job.py", {INGEST}),
        ("ingest/cloud/a_new_module.py", {INGEST}),
        ("ingest/requirements.txt", {INGEST}),
        ("ingest/requirements-gpu.txt", {INGEST}),
        ("lambda_src/requirements.in", set()),
        ("ingest/requirements.in", set()),
        ("ingest/sources/__pycache__/x.pyc", set()),
        ("lambda_src/photo_search/__pycache__/x.pyc", set()),
        ("tests/core/test_search.py", set()),
        ("models/export.py", set()),
        ("local/server.py", set()),
        ("infra/stack.py", set()),
        ("web/index.html", set()),
        ("README.md", set()),
    ],
)
def test_an_edit_changes_the_images_that_hold_the_file_and_no_other(checkout, edited, changed):
    path = place(checkout / edited)
    original = path.read_bytes() if path.exists() else None
    before = {dockerfile: fingerprint(checkout, dockerfile) for dockerfile in BOTH}

    path.write_bytes((original or b"") + b"\n# edited\n")
    after = {dockerfile: fingerprint(checkout, dockerfile) for dockerfile in BOTH}

    if original is None:
        path.unlink()
    else:
        path.write_bytes(original)
    assert {dockerfile for dockerfile in BOTH if before[dockerfile] != after[dockerfile]} == changed


@pytest.mark.parametrize("dockerfile", sorted(BOTH))
def test_a_context_holds_every_file_that_the_dockerfile_copies(checkout, dockerfile):
    held = context(checkout, dockerfile)

    for source in copied(checkout / dockerfile):
        assert any(name == source or name.startswith(f"{source}/") for name in held), source


@pytest.mark.parametrize("dockerfile", sorted(BOTH))
def test_a_context_is_a_few_megabytes_of_code_and_the_bundle(checkout, dockerfile):
    held = context(checkout, dockerfile)

    assert sum((checkout / name).stat().st_size for name in held) < 6_000_000
    assert not [name for name in held if name in LITTER or "__pycache__" in name]


def patterns(checkout: Path, dockerfile: str) -> list[str]:
    return (checkout / f"{dockerfile}.dockerignore").read_text("utf-8").splitlines()


def fingerprint(checkout: Path, dockerfile: str) -> str:
    return cdk.FileSystem.fingerprint(
        str(checkout),
        exclude=patterns(checkout, dockerfile),
        ignore_mode=cdk.IgnoreMode.DOCKER,
    )


def context(checkout: Path, dockerfile: str) -> set[str]:
    strategy = cdk.IgnoreStrategy.docker(str(checkout), patterns(checkout, dockerfile))
    names = {str(path.relative_to(checkout)) for path in checkout.rglob("*") if path.is_file()}
    return {name for name in names if not strategy.ignores(str(checkout / name))}


def copied(dockerfile: Path) -> list[str]:
    """The sources of COPY lines that come from the context; ``*`` and arguments left out."""
    lines = [line.split()[1:-1] for line in dockerfile.read_text().splitlines() if is_copy(line)]
    return [source for sources in lines for source in sources if not set("*$") & set(source)]


def is_copy(line: str) -> bool:
    return line.startswith("COPY ") and "--from" not in line


def place(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
