"""The handler of this checkout under Lambda's real runtime client and runtime emulator."""

from __future__ import annotations

import sys
import time

import pytest
import requests

from local.emulator import find_emulator, running_emulator
from local.emulator.__main__ import COMMAND, main
from photo_search.errors import SettingsError
from tests.conftest import REPOSITORY
from tests.image.sample_events import BY_URL, STATUSES, answered, event_path, read_event

pytestmark = pytest.mark.slow  # it takes the environment that SAM is installed in

SAM_ENVIRONMENT = REPOSITORY / ".venv-sam"


def variables(collection, **more):
    return {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'lambda_src'}",
        "MODEL_DIR": str(REPOSITORY / "models" / "demo"),
        "INDEX_URL": collection.index_url,
        "PRELOAD": "text",
        "ALLOW_IMAGE_URL": "false",
        "AWS_LAMBDA_FUNCTION_NAME": "photo-search",
        **more,
    }


@pytest.fixture(scope="module")
def emulator(collection, tmp_path_factory):
    log = (tmp_path_factory.mktemp("emulator") / "log").open("w")
    program = find_emulator(SAM_ENVIRONMENT)
    with log, running_emulator(program, COMMAND, variables=variables(collection), log=log) as it:
        yield it


@pytest.mark.parametrize("name", STATUSES)
def test_a_sample_is_answered_with_its_status(name, emulator):
    event = read_event(name)
    status, document = answered(event, emulator.invoke(event))

    assert status == (400 if name in BY_URL else STATUSES[name]), document


def test_a_start_takes_less_than_lambdas_init_may_and_a_call_after_it_milliseconds(
    collection, tell, tmp_path
):
    program, event = find_emulator(SAM_ENVIRONMENT), read_event("text")
    with (tmp_path / "log").open("w") as log:
        given = variables(collection)
        with running_emulator(program, COMMAND, variables=given, log=log) as emulator:
            cold_s, warm_s = timed(emulator, event), min(timed(emulator, event) for _ in range(5))

    tell(f"under the emulator: cold {cold_s * 1000:.0f} ms, warm {warm_s * 1000:.1f} ms")
    assert cold_s < 10  # Lambda's limit of the init phase
    assert warm_s < cold_s / 5


def test_a_call_that_takes_longer_than_the_functions_time_out_is_cut(collection, tmp_path):
    given = variables(collection, AWS_LAMBDA_FUNCTION_TIMEOUT="1")
    sleeper = (sys.executable, "-c", "import time; time.sleep(60)")
    with (tmp_path / "log").open("w") as log:
        program = find_emulator(SAM_ENVIRONMENT)
        with running_emulator(program, sleeper, variables=given, log=log) as emulator:
            answer = requests.post(emulator.url, data="{}", timeout=30).text

    assert "timed out after 1.00 seconds" in answer


def test_the_command_asks_the_named_events_and_prints_the_answers(collection, monkeypatch, capfd):
    for name, value in variables(collection).items():
        monkeypatch.setenv(name, value)

    code = main([str(event_path("direct-text")), "--environment", str(SAM_ENVIRONMENT)])

    out, err = capfd.readouterr()
    assert code == 0
    assert '"hits": [' in out
    assert "direct-text.json: " in err


def test_an_environment_without_sam_is_named(tmp_path, capsys):
    with pytest.raises(SettingsError, match="has no aws-lambda-rie"):
        find_emulator(tmp_path)

    assert main(["--environment", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def timed(emulator, event):
    start_s = time.perf_counter()
    status, document = answered(event, emulator.invoke(event))
    assert status == 200, document
    return time.perf_counter() - start_s
