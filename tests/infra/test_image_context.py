from __future__ import annotations

import shutil
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ecr_assets as assets

from infra.config import DeploymentConfig
from infra.config_reading import read_config
from infra.image_context import ROOT, context_patterns
from infra.images import INGEST_DOCKERFILE as INGEST
from infra.images import SEARCH_DOCKERFILE as SEARCH

pytestmark = pytest.mark.infra

COPIED = ("lambda_src", "ingest", "infra", "models/demo", "web")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """What matters of the repository, with an exported bundle and a file of each kind beside."""
    root = tmp_path / "repository"
    for part in COPIED:
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / part, root / part, ignore=ignored)
    shutil.copytree(ROOT / "models/demo", root / "build/bundle")
    (root / "tests/core").mkdir(parents=True)
    (root / "tests/core/test_encoder.py").write_text("")
    (root / "README.md").write_text("")
    return root


def asset_hash(root: Path, dockerfile: str, config: DeploymentConfig) -> str:
    cdk.AssetStaging.clear_asset_hash_cache()
    stack = cdk.Stack(cdk.App(outdir=str(root.parent / "cdk.out")), "Stack")
    asset = assets.DockerImageAsset(
        stack,
        "Image",
        directory=str(root),
        file=dockerfile,
        exclude=context_patterns(dockerfile, config),
        ignore_mode=cdk.IgnoreMode.DOCKER,
    )
    return asset.asset_hash


@pytest.mark.parametrize(
    ("edited", "changes"),
    [
        ("lambda_src/photo_search/search.py", {SEARCH, INGEST}),
        ("lambda_src/handler.py", {SEARCH}),
        ("lambda_src/http_api/routes.py", {SEARCH}),
        ("lambda_src/requirements.txt", {SEARCH}),
        ("lambda_src/Dockerfile", {SEARCH}),
        ("ingest/pipeline.py", {INGEST}),
        ("ingest/cloud/new_photos.py", {INGEST}),
        ("ingest/requirements.txt", {INGEST}),
        ("ingest/Dockerfile", {INGEST}),
        ("build/bundle/model.json", {SEARCH, INGEST}),
        ("models/demo/model.json", set()),
        ("tests/core/test_encoder.py", set()),
        ("infra/stack.py", set()),
        ("web/index.html", set()),
        ("README.md", set()),
        ("lambda_src/photo_search/__pycache__/search.cpython-311.pyc", set()),
    ],
)
def test_an_edit_changes_the_images_that_hold_it_and_no_other(repository, edited, changes):
    config = read_config({"bundle": "build/bundle"}, root=repository)
    before = {name: asset_hash(repository, name, config) for name in (SEARCH, INGEST)}

    path = repository / edited
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        file.write("\n# edited\n")

    after = {name: asset_hash(repository, name, config) for name in (SEARCH, INGEST)}
    assert {name for name in before if before[name] != after[name]} == changes


def test_the_bundle_that_was_asked_for_is_the_one_in_the_context(repository):
    config = read_config({"bundle": "build/bundle"}, root=repository)

    patterns = context_patterns(SEARCH, config)

    assert patterns[:2] == ["*", "!build/bundle"]
    assert "!models/demo" not in patterns


def test_a_bundle_of_ones_own_is_let_in(repository):
    shutil.copytree(repository / "build/bundle", repository / "models/own")
    config = read_config({"bundle": "models/own"}, root=repository)
    before = asset_hash(repository, SEARCH, config)

    (repository / "models/own/CARD.md").write_text("edited")

    assert asset_hash(repository, SEARCH, config) != before
