"""Tables as text (CSV and its kin): the one reader, for the command line and for the web page.

The first line has the names of the columns. Cells are separated by commas, semicolons, tabs, bars or spaces, whichever
the first line has most of; a line `sep=;` before it, as Excel writes, says which. The text is UTF-8, UTF-16 or UTF-32
with a byte-order mark, or else Windows-1252. Whatever could be meant in two ways is refused, with the row and what to
write instead.

>>> table = read(b"time;level\\n0,5;1,3\\n1,0;0,8\\n")
>>> table.columns["level"].values()
[1.3, 0.8]

What else than a number a cell may have depends on the field that its column goes to: the name of a level, or nothing
where values may be missing (`Column.values`).
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from tacit import numerals
from tacit.errors import TableError
from tacit.numerals import Marks, NotANumberError

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces"}
_LINE = re.compile(r"[^\r\n]*\S[^\r\n]*")
_QUOTED = re.compile(r'"[^"]*"')
_SAID = re.compile(r'[ \t\r\n]*"?sep=([,;\t| ])"?[ \t]*(?:\r\n|\r|\n)', re.IGNORECASE)
# The longest first: that of UTF-32 begins like that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BINARY = {
    b"PK\x03\x04": "a zip file, as those of Excel (.xlsx) and NumPy (.npz) are",
    b"\xd0\xcf\x11\xe0": "a file of an old Excel (.xls)",
    b"\x1f\x8b": "compressed",
    b"PAR1": "a Parquet file",
    b"\x89HDF": "an HDF5 file",
}


class Row(NamedTuple):
    """The cells of a row, and the line of the file it ends in."""

    line: int
    cells: list[str]


@dataclass(frozen=True)
class Column:
    """The cells of a column, one of each row.

    Empty cells at its end are missing values for a field that may have them. For another they are left out, since
    fields may have different lengths.
    """

    name: str
    cells: Sequence[str]
    _table: "Table"

    def values(self, levels: Sequence[str] = (), *, missing: bool = False) -> list[float | str | None]:
        """Its values, from the first row on.

        Args:
            levels: Names that the field takes in place of numbers.
            missing: Whether its values may be missing; None is one that is.

        Raises:
            TableError: A cell is none of these; names its row.
        """
        cells = self.cells if missing else self.cells[: self._end]
        return [self._value(row, cell, levels, missing) for row, cell in enumerate(cells)]

    def note(self, *, missing: bool = False) -> str:
        """What a person should know of how its values were read, or nothing; `missing` as of `values`."""
        left = len(self.cells) - self._end
        if not left:
            return ""
        many = "last cell is empty and" if left == 1 else f"last {left} cells are empty and"
        was = "was" if left == 1 else "were"
        return f"Column {self.name}: its {many} {was} {'read as missing' if missing else 'left out'}."

    @cached_property
    def _end(self) -> int:
        """The number of cells to the last that is not empty."""
        end = len(self.cells)
        while end and not self.cells[end - 1]:
            end -= 1
        return end

    def _value(self, row: int, cell: str, levels: Sequence[str], missing: bool) -> float | str | None:
        table = self._table
        if cell in levels:
            return cell
        if missing and numerals.is_missing(cell):
            return None
        try:
            return numerals.number(cell, table.marks, comma_is_usual=table.separator == ";")
        except NotANumberError as error:
            why = str(error)
            if levels and not numerals.is_missing(cell):
                why = f"{cell[:40]!r} is not a level of the field: write one of {', '.join(levels)}, or its number."
            line = table.rows[row].line
            raise TableError(f"Row {row + 1} (line {line}), column {self.name}: {why}") from error


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Attributes:
        header: Names of the columns; those that nothing can be read from are empty.
        rows: As many cells each as the header has.
        notes: What a person should know of how it was read, in sentences.
    """

    separator: str
    header: Sequence[str]
    rows: Sequence[Row]
    notes: Sequence[str]

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        """Those that have a name, in the order of the file."""
        return {name: self._column(number, name) for number, name in enumerate(self.header) if name}

    @cached_property
    def marks(self) -> Marks:
        """The decimal marks of all its numbers."""
        return numerals.marks(cell for row in self.rows for cell in row.cells)

    def _column(self, number: int, name: str) -> Column:
        return Column(name, [row.cells[number] for row in self.rows], self)


def read(content: bytes) -> Table:
    """The table in the bytes of a file.

    Raises:
        TableError: It has none, or one that could be meant in two ways; a sentence that names the row and the fix.
    """
    text, note = decode(content)
    return parse(text, notes=[note] if note else [])


def decode(content: bytes) -> tuple[str, str]:
    """A file's text, and what a person should know of how it was read, or nothing.

    Raises:
        TableError: It is not text.
    """
    for begin, what in _BINARY.items():
        if content.startswith(begin):
            raise TableError(f"This is not text but {what}: save it as CSV.")
    encoding = next((name for begin, name in _MARKS if content.startswith(begin)), "utf-8")
    note = ""
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise TableError(f"This begins like {encoding.upper()} and is not: save it as UTF-8.") from error
        text = content.decode("cp1252", errors="replace")
        note = "It is not UTF-8, and was read as Windows-1252 (Latin-1)."
    if "\0" in text:
        raise TableError("This is not text, or it is UTF-16 without a byte-order mark: save it as CSV in UTF-8.")
    return text, note


def parse(text: str, *, notes: Sequence[str] = ()) -> Table:
    """The table that a text is; errors as of `read`."""
    said = _SAID.match(text)
    skipped = 0
    if said:
        skipped = len(re.findall(r"\r\n|\r|\n", said[0]))
        text = text[said.end() :]
    separator = said[1] if said else _separator(text)
    header, rows = _split(text, separator, skipped)
    rows = _without_blanks(rows, single=len(header) == 1)
    if not rows:
        raise TableError("There are no rows of numbers below the line with the names of the columns.")
    _check_header(header)
    rows = [_evened(row, len(header)) for row in rows]
    uneven = next((number for number, row in enumerate(rows) if len(row.cells) != len(header)), None)
    if uneven is not None:
        raise TableError(_uneven(header, rows, uneven, separator))
    unnamed = [number for number, name in enumerate(header) if not name]
    if any(row.cells[number] for row in rows for number in unnamed):
        notes = [*notes, "A column without a name is not used."]
    return Table(separator, header, rows, tuple(notes))


def _separator(text: str) -> str:
    """Whichever the first line has most of; spaces, where neither it nor the next has any other."""
    lines = [_QUOTED.sub("q", match[0].strip(" ")) for _, match in zip(range(2), _LINE.finditer(text), strict=False)]
    if not lines:
        raise TableError("This is empty.")
    first = lines[0]
    best = max(",;\t|", key=first.count)
    if first.count(best):
        return best
    cells = [len(line.split()) for line in lines]
    spaced = len(lines) == 2 and cells[0] > 1 and cells[1] - cells[0] in (0, 1)
    return " " if spaced and not any(mark in lines[1] for mark in ";\t|") else ","


def _split(text: str, separator: str, skipped: int) -> tuple[list[str], list[Row]]:
    """The header, and the rows below it; a row of no cells is an empty line."""
    # What was written through two layers that end lines, as on Windows, has an empty line below each.
    lines: Iterator[str] = io.StringIO(text.replace("\r\r\n", "\n"), newline="")
    if separator == " ":
        lines = (line.strip(" ") for line in lines)
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    rows: list[Row] = []
    try:
        for cells in reader:
            if separator == " " and len(cells) > 1 and not cells[-1].strip():
                cells = cells[:-1]
            if rows or any(cell.strip() for cell in cells):
                rows.append(Row(reader.line_num + skipped, [cell.strip() for cell in cells]))
    except csv.Error as error:
        line = reader.line_num + skipped
        raise TableError(
            f"Line {line} cannot be read: {error}. A quote within a quoted cell is written twice, and each that is "
            "opened is closed."
        ) from error
    return rows[0].cells, rows[1:]


def _without_blanks(rows: list[Row], *, single: bool) -> list[Row]:
    """Without empty lines, and without rows of empty cells at the end."""
    end = len(rows)
    while end and not any(rows[end - 1].cells):
        end -= 1
    rows = rows[:end]
    # Where there is one column, an empty line is an empty cell.
    return [Row(row.line, row.cells or [""]) for row in rows] if single else [row for row in rows if row.cells]


def _check_header(header: list[str]) -> None:
    names = [name for name in header if name]
    if all(_looks_like_number(name) for name in names):
        raise TableError(
            "The first line has numbers and no names of columns: write a line with the names of the columns above it."
        )
    if header[0].startswith("# "):
        raise TableError(
            f"The first line, {header[0][:40]!r}, begins like a comment: remove it, or its # if it has the names of "
            "the columns."
        )
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise TableError(f"Two columns have the same name, {twice!r}: give each a name of its own.")


def _evened(row: Row, width: int) -> Row:
    """A row without empty cells beyond the header's last."""
    over = row.cells[width:]
    return Row(row.line, row.cells[:width]) if over and not any(over) else row


def _uneven(header: list[str], rows: list[Row], number: int, separator: str) -> str:
    """What to do about a row that has not as many cells as the header."""
    row, width = rows[number], len(header)
    cells = f"{len(row.cells)} cell{'' if len(row.cells) == 1 else 's'}"
    said = f"Row {number + 1} has {cells}, the header {width} (line {row.line}; separated by {_SEPARATORS[separator]})."
    if len(row.cells) < width:
        return f"{said} Complete the row, or remove it if it is none."
    fixes = []
    if width == 1:
        fixes.append("If something stands above the line with the names of the columns, remove it.")
    named = all(len(each.cells) == width + 1 for each in rows)
    if named:
        fixes.append("If the first cell is the row's name, as R writes them, name that column too, or leave it out.")
    is_number = not named or any(_looks_like_number(each.cells[0]) for each in rows)
    if separator == "," and is_number:
        fixes.append(
            "If commas are decimal marks, separate the cells by semicolons. If they are thousands separators, leave "
            "those out."
        )
    if not fixes:
        fixes.append("Quote a cell that has the separator in it.")
    return " ".join([said, *fixes])


def _looks_like_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?[0-9.,]*[0-9][0-9.,]*(?:[eE][+-]?[0-9]+)?", text) is not None
