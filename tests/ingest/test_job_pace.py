"""How a run's batches and threads are chosen, and what its account tells of them."""

from __future__ import annotations

import json

import pytest

from ingest.sources.folder import FolderSource
from tests.ingest.pictures import write_pictures


def report_of(bench):
    return json.loads((bench.work / "report.json").read_text())


def test_the_account_tells_what_a_run_worked_with_and_how_busy_the_encoder_was(bench):
    write_pictures(bench.photos, 3)

    seconds = bench.run(FolderSource(bench.photos), batch=2).seconds

    report = report_of(bench)
    assert report["pace"] == {"device": "cpu", "threads": 1, "batch": 2, "workers": 1, "timing": ""}
    busy_share = seconds["encode"] / seconds["total"]
    assert report["encoder_busy_share"] == pytest.approx(busy_share, abs=1e-3)


def test_a_long_run_is_timed_first_and_says_what_was_found(bench, monkeypatch, capsys):
    monkeypatch.setattr("ingest.job.FEW_PHOTOS", 5)
    write_pictures(bench.photos, 6)

    report = bench.run(FolderSource(bench.photos), quiet=False)

    assert report.indexed == 6
    timing = report_of(bench)["pace"]["timing"]
    assert timing.startswith("batches of ")
    assert capsys.readouterr().out.splitlines() == [timing]
    assert report.seconds["timing"] > 0


@pytest.mark.parametrize(
    "asked", [{"batch": 4, "threads": 1}, {"batch": 4}, {"threads": 1}, {"batch": 1, "threads": 1}]
)
def test_what_is_asked_for_is_what_a_long_run_works_with(bench, monkeypatch, asked):
    monkeypatch.setattr("ingest.job.FEW_PHOTOS", 5)
    write_pictures(bench.photos, 6)

    report = bench.run(FolderSource(bench.photos), **asked)

    pace = report_of(bench)["pace"]
    assert report.indexed == 6
    assert {name: pace[name] for name in asked} == asked
    assert bool(pace["timing"]) == (len(asked) < 2)
