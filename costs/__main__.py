"""``make cost``: print the tables and write them into docs/cost.md."""

from __future__ import annotations

from costs.document import DOCUMENT_PATH, generated_part, with_generated_part

if __name__ == "__main__":
    print(generated_part())
    text = DOCUMENT_PATH.read_text("utf-8")
    DOCUMENT_PATH.write_text(with_generated_part(text), "utf-8")
