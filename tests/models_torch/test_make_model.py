"""``python -m models`` against a stand-in of the hub, and what it says when something is wrong."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from photo_search.encoder import Encoder
from photo_search.model_bundle import read_model_bundle
from tests.models_torch.hub_server import COMMIT, Hub
from tests.models_torch.tiny_checkpoints import save_tiny_clip, save_tiny_siglip

ROOT = Path(__file__).parents[2]
NAME = "somebody/tiny"
# The client writes what it gets in pieces of 10 MiB: less would be lost with the connection.
CUT_BYTES = 11 * 2**20


@dataclass
class Shell:
    """Runs the command in an environment of its own."""

    directory: Path
    endpoint: str = "http://127.0.0.1:9"
    disk: str = ""

    @property
    def bundle(self) -> Path:
        return self.directory / ("disk" if self.disk else "") / "bundle"

    @property
    def cache(self) -> Path:
        return self.directory / "hub"

    def start(self, *arguments: object, **environment: str) -> subprocess.Popen[str]:
        own = {
            "PATH": os.defpath,
            "PYTHONPATH": f"{ROOT}:{ROOT / 'lambda_src'}",
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": str(self.cache),
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }
        command = [sys.executable, "-m", "models", *map(str, arguments), "--out", str(self.bundle)]
        if self.disk:
            # A file system of its own under the bundle's directory, seen by this process alone.
            mounted = f'mount -t tmpfs -o size={self.disk} tmpfs "$0" && exec "$@"'
            place = self.bundle.parent
            place.mkdir()
            namespace = ["unshare", "--map-root-user", "--mount", "sh", "-c", mounted]
            command = [*namespace, str(place), *command]
        return subprocess.Popen(
            command,
            env=own | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        with self.start(*arguments, **environment) as process:
            stdout, stderr = process.communicate(timeout=240)
            return subprocess.CompletedProcess((), process.returncode, stdout, stderr)

    def fails(self, code: int, message: str, *arguments: object, **environment: str) -> None:
        """Run, and see one line of complaint, after what the hub's client tells, and no bundle."""
        done = self.run(*arguments, **environment)
        *told, complaint = done.stderr.splitlines()
        assert (done.returncode, complaint.startswith("models: ")) == (code, True), done.stderr
        assert message in complaint
        assert not any(line.startswith(("models: ", "Traceback")) for line in told)
        assert not self.bundle.exists()
        assert list(self.directory.rglob(".*.partial")) == []


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_clip(tmp_path_factory.mktemp("clip"), spare_words=100_000)


@pytest.fixture
def hub(checkpoint: Path, tmp_path: Path) -> Hub:
    repository = tmp_path / "repository"
    shutil.copytree(checkpoint, repository)
    (repository / "flax_model.msgpack").write_bytes(b"the same for another library")
    return Hub(NAME, repository, card={"license": "mit"})


@pytest.fixture
def shell(hub: Hub, tmp_path: Path):
    with hub.serve() as server:
        yield Shell(tmp_path, endpoint=f"http://127.0.0.1:{server.port}")


def test_a_run_after_a_download_that_broke_off_asks_for_what_is_missing_and_makes_a_bundle(
    shell: Shell, hub: Hub
):
    hub.break_after_bytes, hub.goes_down = CUT_BYTES, True
    shell.fails(75, "the hub answers 503", NAME)
    hub.is_down = False
    hub.ranges.clear()

    done = shell.run(NAME)

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    asked_for = sorted(file for file, _ in hub.ranges)
    assert asked_for == ["model.safetensors", "preprocessor_config.json", "tokenizer.json"]
    bundle = read_model_bundle(shell.bundle)
    assert (bundle.checkpoint, bundle.revision, bundle.licence) == (NAME, COMMIT, "mit")
    assert bundle.precision == "int8"
    assert Encoder(bundle).encode_text(["a red kite"]).embedding.shape == (1, 16)
    assert NAME in (shell.bundle / "CARD.md").read_text(encoding="utf-8")


def test_a_connection_that_breaks_is_taken_up_where_it_broke(shell: Shell, hub: Hub):
    hub.break_after_bytes = CUT_BYTES
    hub.damaged = "model.safetensors"  # so that it ends before the export

    shell.fails(75, "came damaged", NAME)

    assert hub.ranges.count(("model.safetensors", f"bytes={10 * 2**20}-")) == 1


def test_a_damaged_file_is_downloaded_again(shell: Shell, hub: Hub):
    hub.damaged = "model.safetensors"
    shell.fails(75, "model.safetensors of somebody/tiny came damaged", NAME)
    shell.fails(75, "came damaged", NAME)

    assert [name for name, _ in hub.ranges].count("model.safetensors") == 2


def test_a_gated_repository_says_how_to_get_in(shell: Shell, hub: Hub):
    hub.gated = True

    shell.fails(2, "is gated: accept its terms on its page, then sign in", NAME)


@pytest.mark.parametrize("name", ["somebody/else", "nowhere"])
def test_a_repository_that_is_not_there_is_named(shell: Shell, name: str):
    shell.fails(2, f"the hub has no {name}, or only for those who sign in", name)


def test_a_name_that_can_be_none_is_refused(shell: Shell):
    shell.fails(2, "is neither a directory nor the name of a repository", "a/b/c")


def test_a_revision_that_is_not_there_is_named(shell: Shell):
    shell.fails(2, "has no revision v9", NAME, "--revision", "v9")


def test_a_hub_that_does_not_answer_is_worth_retrying(tmp_path: Path):
    Shell(tmp_path).fails(75, "cannot be downloaded now", NAME)


def test_offline_mode_says_what_else_there_is(shell: Shell):
    shell.fails(2, "MODEL may also be a directory", NAME, HF_HUB_OFFLINE="1")


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ({"license": "cc-by-nc-4.0"}, "is for research only, by its licence cc-by-nc-4.0"),
        (
            {"license": "other", "license_name": "apple-amlr"},
            "is for research only, by its licence apple-amlr",
        ),
        ({"license": "other"}, "is under other, which is not known to allow every use"),
        ({}, "names no licence"),
    ],
)
def test_a_licence_that_does_not_let_everybody_is_named_before_the_download(
    shell: Shell, hub: Hub, card: dict[str, object], message: str
):
    hub.card = card

    shell.fails(2, message, NAME)

    assert hub.ranges == []


def test_an_accepted_licence_is_kept_in_the_manifest(shell: Shell, hub: Hub):
    hub.card = {"license": "cc-by-nc-4.0"}

    done = shell.run(NAME, "--accept-licence", "--precision", "fp32", "--revision", COMMIT)

    assert done.returncode == 0, done.stderr
    bundle = read_model_bundle(shell.bundle)
    assert (bundle.licence, bundle.precision) == ("cc-by-nc-4.0", "fp32")


def test_a_repository_without_weights_for_transformers_is_refused(shell: Shell, hub: Hub):
    (hub.directory / "model.safetensors").unlink()

    shell.fails(2, "holds no config.json with model.safetensors or", NAME)


def test_a_directory_on_the_disk_is_made_a_bundle_without_a_hub(tmp_path: Path):
    directory = save_tiny_siglip(tmp_path / "siglip")
    (directory / "README.md").write_text("---\nlicense: apache-2.0\n---\n", encoding="utf-8")
    shell = Shell(tmp_path)

    done = shell.run(directory, "--precision", "fp32")

    assert done.returncode == 0, done.stderr
    bundle = read_model_bundle(shell.bundle)
    assert (bundle.checkpoint, bundle.revision) == ("siglip", "local")
    assert bundle.licence == "apache-2.0"


@pytest.mark.parametrize(("disk", "precision"), [("1m", "int8"), ("16m", "fp32")])
def test_a_disk_that_fills_during_the_export_is_named(
    checkpoint: Path, tmp_path: Path, disk: str, precision: str
):
    # Whoever writes at that moment says it in words of its own.
    shell = Shell(tmp_path, disk=disk)

    shell.fails(75, "no room to write", checkpoint, "--licence", "MIT", "--precision", precision)


def test_a_killed_export_leaves_the_bundle_before_and_the_next_clears_up(tmp_path: Path):
    checkpoint = save_tiny_clip(tmp_path / "clip")
    shell = Shell(tmp_path)
    arguments = (checkpoint, "--licence", "MIT", "--precision")
    assert shell.run(*arguments, "fp32").returncode == 0
    partial = tmp_path / ".bundle.partial"

    with shell.start(*arguments, "int8") as process:
        while not list(partial.rglob("*.onnx")):
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()

    assert partial.exists()
    assert read_model_bundle(shell.bundle).precision == "fp32"
    assert shell.run(*arguments, "int8").returncode == 0
    assert not partial.exists()
    assert read_model_bundle(shell.bundle).precision == "int8"


def damage_type(directory: Path) -> None:
    facts = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps(facts | {"model_type": "bert"}))


def damage_naflex(directory: Path) -> None:
    facts = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps(facts | {"model_type": "siglip2"}))


def damage_tokenizer(directory: Path) -> None:
    text = (directory / "tokenizer.json").read_text().replace("<|endoftext|>", "<|theend|>")
    (directory / "tokenizer.json").write_text(text)


def damage_vocabulary(directory: Path) -> None:
    facts = json.loads((directory / "config.json").read_text())
    facts["text_config"]["vocab_size"] = 7
    (directory / "config.json").write_text(json.dumps(facts))


def damage_weights(directory: Path) -> None:
    content = (directory / "model.safetensors").read_bytes()
    (directory / "model.safetensors").write_bytes(content[: len(content) // 2])


def leave_out_a_layer(directory: Path) -> None:
    facts = json.loads((directory / "config.json").read_text())
    facts["vision_config"]["num_hidden_layers"] = 3
    (directory / "config.json").write_text(json.dumps(facts))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_type, "is of type bert; known are clip, siglip"),
        (damage_naflex, "this one, NaFlex, is of any"),
        (damage_tokenizer, "tokenizer.json lacks <|endoftext|>"),
        (damage_vocabulary, "cannot be read"),
        (damage_weights, "cannot be read"),
        (leave_out_a_layer, "lack vision_model.encoder.layers.2"),
        (lambda directory: (directory / "tokenizer.json").unlink(), "cannot be read"),
        (lambda directory: (directory / "tokenizer.json").write_text("{}"), "is no tokenizer"),
    ],
)
def test_a_checkpoint_that_is_none_is_refused(tmp_path: Path, damage, message: str):
    directory = save_tiny_clip(tmp_path / "clip")
    damage(directory)

    Shell(tmp_path).fails(2, message, directory, "--licence", "MIT")
