"""The app as ``make synth`` and the CDK's command line run it: a process of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.image_context import ROOT

pytestmark = pytest.mark.infra


def run(*arguments: str, tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the app with Node and nothing else: no credentials, no home, no Docker, no proxy."""
    node = shutil.which("node")
    assert node is not None
    programs = tmp_path / "programs"
    programs.mkdir(exist_ok=True)
    if not (programs / "node").exists():
        (programs / "node").symlink_to(node)
    environment = {"PATH": str(programs), "HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "1"}
    return subprocess.run(
        [sys.executable, str(ROOT / "app.py"), *arguments],
        cwd=ROOT,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_writes_where_the_cdk_says_with_the_context_that_the_cdk_gives(tmp_path):
    out = tmp_path / "out"

    done = run(
        tmp_path=tmp_path,
        CDK_OUTDIR=str(out),
        CDK_CONTEXT_JSON=json.dumps({"index": "embedded", "name": "holiday", "auth": "iam"}),
    )

    assert done.returncode == 0, done.stderr
    assert "holiday (dev, index embedded, auth iam, us-east-1) is in" in done.stderr
    assert "auth is iam: the page is not deployed" in done.stderr
    template = json.loads((out / "holiday.template.json").read_text("utf-8"))
    types = {resource["Type"] for resource in template["Resources"].values()}
    assert "AWS::OpenSearchService::Domain" not in types
    assert (out / "manifest.json").is_file()


def test_a_wrong_configuration_is_one_line_and_2(tmp_path):
    done = run("-c", "size=huge", tmp_path=tmp_path, CDK_OUTDIR=str(tmp_path / "out"))

    assert done.returncode == 2
    assert "app.py: size is 'huge'; it must be one of dev, production" in done.stderr
    assert "Traceback" not in done.stderr
