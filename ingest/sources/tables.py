"""Reads the tables of Unsplash's data sets, whatever a release calls its files."""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import IO

from photo_search.errors import SourceInvalid

# A description is free text; the csv module's own limit is 131,072 characters.
_FIELD_CHARACTERS = 16_000_000


class Tables:
    """A data set's tables, read row by row."""

    def __init__(self, path: Path) -> None:
        """Point at a directory or a zip.

        Raises:
            SourceInvalid: It is neither.
        """
        if not path.is_dir() and not zipfile.is_zipfile(path):
            msg = f"{path} is neither a directory nor a zip"
            raise SourceInvalid(msg)
        self._path = path
        self.refused_rows = 0
        """Rows that could not be read or have too many or too few fields."""

    def rows(self, table: str) -> Iterator[dict[str, str]]:
        """Read a table, its parts joined in the order of their names; empty when there is none.

        Fields are separated by tabs whatever the name's extension says, quoted as in CSV, and may
        hold line breaks. The columns are found by the header's names.

        Raises:
            SourceInvalid: The files are damaged.
        """
        previous = csv.field_size_limit(_FIELD_CHARACTERS)
        try:
            yield from self._rows(table)
        # RuntimeError: the zip is encrypted, or compressed in a way that zipfile does not know.
        except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
            msg = f"table {table} of {self._path} cannot be read: {error}"
            raise SourceInvalid(msg) from error
        finally:
            csv.field_size_limit(previous)

    def _rows(self, table: str) -> Iterator[dict[str, str]]:
        reader = csv.reader(self._lines(f"{table}.*sv*"), delimiter="\t")
        first_row: list[str] = []
        header: list[str] = []
        while True:
            try:
                row = next(reader, None)
            except csv.Error:
                self.refused_rows += 1
                continue
            if row is None:
                return
            if not header:
                first_row, header = row, [name.strip().lower() for name in row]
            # Every part of some releases has the header again.
            elif row != first_row:
                if len(row) == len(header):
                    yield dict(zip(header, row, strict=True))
                elif row:
                    self.refused_rows += 1

    def _lines(self, pattern: str) -> Iterator[str]:
        """Give the lines of all parts as if they were one file."""
        first_line, cut_line = "", ""
        for part in self._parts(pattern):
            # One undecodable byte in a description must not end the run.
            with io.TextIOWrapper(
                part, encoding="utf-8-sig", errors="replace", newline=""
            ) as lines:
                for line in lines:
                    # A part may end within a line, or just without its last line break.
                    if cut_line and line == first_line:
                        yield cut_line + "\n"
                        cut_line = ""
                    joined, cut_line = cut_line + line, ""
                    first_line = first_line or joined
                    if joined.endswith(("\n", "\r")):
                        yield joined
                    else:
                        cut_line = joined
        if cut_line:
            yield cut_line

    def _parts(self, pattern: str) -> Iterator[IO[bytes]]:
        if self._path.is_dir():
            for path in sorted(self._path.glob(pattern)):
                yield path.open("rb")
            return
        with zipfile.ZipFile(self._path) as archive:
            for name in sorted(archive.namelist()):
                if fnmatchcase(PurePosixPath(name).name, pattern):
                    yield archive.open(name)
