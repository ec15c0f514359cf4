from __future__ import annotations

import json
import shutil
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ecr_assets as assets

from infra import images
from infra.bundle import Bundle
from infra.config_reading import read_config
from infra.context import read_context
from infra.image_context import ROOT, context_patterns
from infra.images import INGEST_DOCKERFILE as INGEST
from infra.images import SEARCH_DOCKERFILE as SEARCH
from infra.stack import PhotoSearchStack

pytestmark = pytest.mark.infra

COPIED = ("lambda_src", "ingest", "infra", "models/demo", "web")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """What matters of the repository, with exported bundles and a file of each kind beside."""
    root = tmp_path / "repository"
    for part in COPIED:
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / part, root / part, ignore=ignored)
    for exported in ("build/bundle", "build/bundle-gpu"):
        shutil.copytree(ROOT / "models/demo", root / exported)
    (root / "tests/core").mkdir(parents=True)
    (root / "tests/core/test_encoder.py").write_text("")
    (root / "README.md").write_text("")
    return root


def asset_hash(root: Path, dockerfile: str, bundle: Bundle) -> str:
    cdk.AssetStaging.clear_asset_hash_cache()
    stack = cdk.Stack(cdk.App(outdir=str(root.parent / "cdk.out")), "Stack")
    asset = assets.DockerImageAsset(
        stack,
        "Image",
        directory=str(root),
        file=dockerfile,
        exclude=context_patterns(dockerfile, bundle),
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
        ("build/bundle-gpu/model.json", set()),
        ("models/demo/model.json", set()),
        ("tests/core/test_encoder.py", set()),
        ("infra/stack.py", set()),
        ("web/index.html", set()),
        ("README.md", set()),
        ("lambda_src/photo_search/__pycache__/search.cpython-311.pyc", set()),
    ],
)
def test_an_edit_changes_the_images_that_hold_it_and_no_other(repository, edited, changes):
    bundle = read_config({"bundle": "build/bundle"}, root=repository).bundle
    before = {name: asset_hash(repository, name, bundle) for name in (SEARCH, INGEST)}

    path = repository / edited
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        file.write("\n# edited\n")

    after = {name: asset_hash(repository, name, bundle) for name in (SEARCH, INGEST)}
    assert {name for name in before if before[name] != after[name]} == changes


@pytest.mark.parametrize("dockerfile", [SEARCH, INGEST])
@pytest.mark.parametrize("asked", ["build/bundle", "build/bundle-gpu", "models/demo"])
def test_the_bundle_that_was_asked_for_is_the_one_in_the_context(repository, dockerfile, asked):
    bundle = read_config({"bundle": asked}, root=repository).bundle

    patterns = context_patterns(dockerfile, bundle)

    assert patterns[:2] == ["*", f"!{asked}"]
    assert not any("bundle" in line or "models" in line for line in patterns[2:])


def test_the_image_for_gpus_alone_holds_the_bundle_for_gpus(repository, tmp_path, monkeypatch):
    monkeypatch.setattr(images, "ROOT", repository)
    app = cdk.App(context=read_context([]), outdir=str(tmp_path / "cdk.out"))
    config = read_config({}, root=repository)

    PhotoSearchStack(app, "photos", config=config)
    app.synth()

    assets_file = json.loads((tmp_path / "cdk.out/photos.assets.json").read_text("utf-8"))
    held = {}
    for image in assets_file["dockerImages"].values():
        source = image["source"]
        context = tmp_path / "cdk.out" / source["directory"]
        bundles = [path.parent.relative_to(context) for path in context.rglob("model.json")]
        assert [str(path) for path in bundles] == [source["dockerBuildArgs"]["BUNDLE"]]
        held[source["dockerFile"], source.get("dockerBuildTarget")] = str(bundles[0])
    assert held == {
        (SEARCH, None): "build/bundle",
        (INGEST, "cpu"): "build/bundle",  # the writer's, too
        (INGEST, "gpu"): "build/bundle-gpu",
    }


def test_a_bundle_of_ones_own_is_let_in(repository):
    shutil.copytree(repository / "build/bundle", repository / "models/own")
    bundle = read_config({"bundle": "models/own"}, root=repository).bundle
    before = asset_hash(repository, SEARCH, bundle)

    (repository / "models/own/CARD.md").write_text("edited")

    assert asset_hash(repository, SEARCH, bundle) != before
