"""docs/operations.md names what there is: alarms, keys, targets, verbs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from costs.assumptions import read_assumptions
from infra.config_reading import KEYS
from ingest.arguments import parse_arguments
from tests.infra.synthesis import synthesised

pytestmark = pytest.mark.infra

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "operations.md").read_text("utf-8")
ALARM_SECTION = PAGE.split("## What each alarm means")[1].split("\n## ")[0]


def alarm_names(*context: str) -> set[str]:
    prefix = "photo-search-"
    names = [
        resource["Properties"]["AlarmName"]
        for resource in synthesised(*context)["Resources"].values()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    ]
    assert all(name.startswith(prefix) for name in names)
    return {name.removeprefix(prefix) for name in names}


@pytest.fixture(scope="module")
def domain_alarms() -> set[str]:
    return alarm_names()


@pytest.fixture(scope="module")
def embedded_alarms() -> set[str]:
    return alarm_names("index=embedded")


def test_each_alarm_has_a_heading_and_each_heading_an_alarm(
    domain_alarms: set[str], embedded_alarms: set[str]
):
    headings = re.findall(r"^### (.+)$", ALARM_SECTION, re.MULTILINE)

    assert set(headings) - {"The budget"} == domain_alarms | embedded_alarms
    assert len(headings) == len(set(headings))


def test_the_costs_count_as_many_alarms_as_there_are(
    domain_alarms: set[str], embedded_alarms: set[str]
):
    assumptions = read_assumptions()

    assert len(domain_alarms) == assumptions["alarms_domain"].value
    assert len(embedded_alarms) == assumptions["alarms_embedded"].value


def test_each_task_of_whoever_runs_it_has_a_heading():
    headings = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)

    assert headings == [
        "Choose",
        "Deploy",
        "Ingest",
        "Re-index with another model",
        "Roll back",
        "Rotate",
        "Restore",
        "Remove a photo",
        "Tear down",
        "What each alarm means",
        "What a first deployer should watch",
    ]


@pytest.mark.parametrize("key", KEYS)
def test_each_key_of_the_configuration_has_a_row(key: str):
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]

    assert any(f"`{key}`" in row.split("|")[1] for row in rows)


def test_each_make_target_exists():
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)", PAGE))
    makefile = (REPOSITORY / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))

    assert named
    assert named <= targets


def commands() -> list[str]:
    fenced = "\n".join(re.findall(r"^```\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
    lines = fenced.replace("\\\n", " ").splitlines()
    spans = re.findall(r"`([^`]+)`", re.sub(r"^```\n.*?^```$", "", PAGE, flags=re.M | re.S))
    return [
        " ".join(command.split())
        for command in (*lines, *spans)
        if command.startswith("photo-search ")
    ]


@pytest.mark.parametrize("command", [text for text in commands() if "ingest" in text])
def test_each_command_is_one_that_the_command_line_takes(command: str):
    arguments = parse_arguments(shlex.split(command)[1:])

    assert arguments.verb


def test_links_within_the_page_lead_to_a_heading():
    headings = {
        re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in PAGE.splitlines()
        if line.startswith("#")
    }
    targets = set(re.findall(r"\]\(#([^)]+)\)", PAGE))

    assert targets
    assert targets <= headings
