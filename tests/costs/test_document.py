from __future__ import annotations

import pytest

from costs.document import DOCUMENT_PATH, END, START, generated_part, with_generated_part

COMMITTED = DOCUMENT_PATH.read_text("utf-8")


def test_the_committed_document_is_what_the_code_generates():
    assert with_generated_part(COMMITTED) == COMMITTED, "run `make cost` and commit docs/cost.md"


def test_what_is_written_by_hand_stays():
    text = f"before\n{START}\nold\n{END}\nafter\n"

    assert with_generated_part(text) == f"before\n{START}\n\n{generated_part()}\n\n{END}\nafter\n"


@pytest.mark.parametrize("text", ["no marks", f"{START}", f"{START}{END}{START}{END}"])
def test_a_document_without_its_marks_is_refused(text: str):
    with pytest.raises(ValueError, match="once each"):
        with_generated_part(text)


def test_every_table_has_as_many_cells_in_each_row_as_in_its_head():
    widths: list[int] = []
    for line in generated_part().splitlines():
        if not line.startswith("|"):
            widths = []
            continue
        widths.append(line.count("|"))
        assert widths[-1] == widths[0], line


def test_links_within_the_document_lead_to_a_heading():
    headings = {
        line.lstrip("# ").lower().replace(",", "").replace(" ", "-")
        for line in COMMITTED.splitlines()
        if line.startswith("#")
    }
    targets = {part.split(")")[0] for part in COMMITTED.split("](#")[1:]}

    assert targets
    assert targets <= headings
