"""Tables as spreadsheets, statistics programs and instruments write them, of the fields `time` and `level`.

What reads tables is tested against all of them: the reader, the command line, and the route that the web page sends its
files to.
"""

from typing import NamedTuple


class Dialect(NamedTuple):
    """A file: `same` data as the plain one, or `refused` with these words."""

    label: str
    text: str
    refused: tuple[str, ...] = ()
    encoding: str = "utf-8"

    @property
    def content(self) -> bytes:
        return self.text.encode(self.encoding)


DATA = {"time": [0.5, 1.0, 2.0], "level": [1.3, 0.8, 0.3]}
_PLAIN = "time,level\n0.5,1.3\n1.0,0.8\n2.0,0.3\n"
_SEMICOLONS = "time;level\n0,5;1,3\n1,0;0,8\n2,0;0,3\n"
_TABS = "time\tlevel\n0.5\t1.3\n1.0\t0.8\n2.0\t0.3\n"

UNDERSTOOD = (
    Dialect("plain", _PLAIN),
    Dialect("byte-order mark, CRLF, blank end", "\ufeff" + _PLAIN.replace("\n", "\r\n") + ",\r\n\r\n"),
    Dialect("CR alone", _PLAIN.replace("\n", "\r")),
    Dialect("no end of line", _PLAIN.rstrip()),
    Dialect("blank line between each", _PLAIN.replace("\n", "\r\r\n")),
    Dialect("blank lines before", "\n \n" + _PLAIN),
    Dialect("spaces around", " time , level \n 0.5 , 1.3\n1.0,  0.8 \n2.0,0.3\n"),
    Dialect("all quoted", '"time","level"\n"0.5","1.3"\n"1.0", "0.8"\n"2.0","0.3"\n'),
    Dialect(
        "comma and line in quotes", 'time,"note, ""long""\nof it",level\n0.5,"a,b",1.3\n1.0,"c\nd",0.8\n2.0,,0.3\n'
    ),
    Dialect("decimal commas, semicolons", _SEMICOLONS),
    Dialect("decimal commas, tabs", _SEMICOLONS.replace(";", "\t")),
    Dialect("decimal commas in quotes", 'time,level\n"0,5","1,3"\n"1,0","0,8"\n2,"0,3"\n'),
    Dialect("decimal points, semicolons", _PLAIN.replace(",", ";")),
    Dialect("three decimals beside certain ones", "time;level\n0,500;1,300\n1,000;0,800\n2,000;0,300\n"),
    Dialect("tabs", _TABS),
    Dialect("tabs, UTF-16", _TABS, encoding="utf-16"),
    Dialect("UTF-16, big-endian", "\ufeff" + _PLAIN, encoding="utf-16-be"),
    Dialect("bars", _PLAIN.replace(",", "|")),
    Dialect("spaces", '"time" "level"\n0.5 1.3\n  1.0   0.8 \n2.0 0.3\n'),
    Dialect("Latin-1", "time,level,note\n0.5,1.3,caf\u00e9\n1.0,0.8,\n2.0,0.3,\n", encoding="latin-1"),
    Dialect("Excel's sep line", "sep=;\r\n" + _SEMICOLONS),
    Dialect("comma after each row", "time,level\n0.5,1.3,\n1.0,0.8,\n2.0,0.3,,\n"),
    Dialect("empty columns", "time,level,,\n0.5,1.3,,\n1.0,0.8,,\n2.0,0.3,,\n"),
    Dialect("row numbers as pandas writes them", ",time,level\n0,0.5,1.3\n1,1.0,0.8\n2,2.0,0.3\n"),
    Dialect("row numbers, tabs", "\ttime\tlevel\n0\t0.5\t1.3\n1\t1.0\t0.8\n2\t2.0\t0.3\n"),
    Dialect("exponents and signs", "time,level\n5e-1,+1.3\n1.,8E-1\n2,.3\n"),
)

_ROW = "Row 1 has 3 cells, the header 2"
REFUSED = (
    Dialect("decimal commas, commas", "time,level\n0,5,1,3\n1,0,0,8\n", ("Row 1 has 4 cells, the header 2", "decimal")),
    Dialect("thousands", "time,level\n1,1,300\n2,2,800\n", (_ROW, "thousands separators, leave those out")),
    Dialect("thousands in the last row", "time,level\n1,300\n2,2,800\n", ("Row 2 has 3 cells", "thousands")),
    Dialect(
        "thousands in quotes", 'time,level\n1,"1,300"\n2,"2,800"\n', ("Row 1 (line 2), column level", "1300", "1.300")
    ),
    Dialect("thousands beside points", 'time,level\n0.5,"1,300"\n', ("'1,300' has a comma", "thousands")),
    Dialect(
        "thousands and decimals", 'time,level\n1,"1,300.5"\n', ("column level: '1,300.5' has thousands separators",)
    ),
    Dialect("millions", 'time,level\n1,"1,300,000"\n', ("'1,300,000' has thousands separators",)),
    Dialect("European thousands", "time;level\n1;1.300\n2;2.800\n", ("'1.300' could be 1300", "1.300, with a decimal")),
    Dialect("European thousands, decimals", "time;level\n0,5;1.300,5\n", ("'1.300,5' has thousands separators",)),
    Dialect("European thousands beside commas", "time;level\n0,5;1.300\n", ("'1.300' has a point", "thousands")),
    Dialect("thousands, tabs", "time\tlevel\n1\t1,300\n2\t2,800\n", ("'1,300' could be 1300",)),
    Dialect("thousands by spaces", "time;level\n1;1 300\n2;2\u00a0800\n", ("'1 300' has thousands separators",)),
    Dialect("Swiss thousands", "time;level\n1;1'300\n", ("has thousands separators",)),
    Dialect("commas and points", "time;level\n0,5;1.3\n", ("different decimal marks",)),
    Dialect("R's row names", '"time","level"\n"a",0.5,1.3\n"b",1.0,0.8\n', (_ROW, "row's name, as R writes them")),
    Dialect("R's row numbers", '"time","level"\n"1",0.5,1.3\n"2",1.0,0.8\n', (_ROW, "row's name, as R writes them")),
    Dialect("R's row names, spaces", '"time" "level"\n"1" 0.5 1.3\n"2" 1.0 0.8\n', (_ROW, "separated by spaces")),
    Dialect("a short row", "time,level\n0.5,1.3\n1.0\n", ("Row 2 has 1 cell, the header 2", "Complete the row")),
    Dialect("a comment", "# exported\ntime,level\n0.5,1.3\n", ("begins like a comment",)),
    Dialect("a title", "My measurements\ntime,level\n0.5,1.3\n", ("Row 1 has 2 cells, the header 1", "stands above")),
    Dialect("a total", _PLAIN + "Total,2.4\n", ("Row 4 (line 5), column time: 'Total' is not a number",)),
    Dialect("no names", "0.5,1.3\n1.0,0.8\n", ("no names of columns",)),
    Dialect("no rows", "time,level\n\n", ("no rows of numbers",)),
    Dialect("one name twice", "time,level,time\n1,2,3\n", ("same name, 'time'",)),
    Dialect("dates", "time,level\n2024-01-01,1.3\n", ("'2024-01-01' is not a number",)),
    Dialect("NA", "time,level\n0.5,1.3\n1.0,NA\n", ("Row 2 (line 3), column level: there is no number ('NA')",)),
    Dialect(
        "an empty cell", "time,level\n0.5,1.3\n1.0,\n2.0,0.3\n", ("Row 2 (line 3), column level: there is no number",)
    ),
    Dialect("an empty row", "time,level\n0.5,1.3\n,\n2.0,0.3\n", ("Row 2 (line 3), column time: there is no number",)),
    Dialect("nan", "time,level\n0.5,nan\n", ("there is no number ('nan')",)),
    Dialect("infinite", "time,level\n0.5,-inf\n", ("'-inf' is not a number",)),
    Dialect("too large", "time,level\n0.5,1e400\n", ("'1e400' is too large",)),
    Dialect("Python's underscores", "time,level\n0_5,1.3\n", ("'0_5' is not a number",)),
    Dialect("Python's underscores in thousands", "time,level\n1_000,1.3\n", ("'1_000' is not a number",)),
    Dialect("hexadecimal", "time,level\n0x1F,1.3\n", ("'0x1F' is not a number",)),
    Dialect("Fortran's exponent", "time,level\n0.5,1.3D+01\n", ("'1.3D+01' is not a number",)),
    Dialect("digits that are not ASCII", "time,level\n\u0663,1.3\n", ("is not a number",)),
    Dialect("a percentage", "time,level\n0.5,130%\n", ("'130%' is not a number",)),
    Dialect("truths", "time,level\n0.5,TRUE\n", ("write 1 for true",)),
    Dialect("an open quote", 'time,level\n0.5,"1.3\n1.0,0.8\n', ("cannot be read", "quote")),
    Dialect("UTF-16 without a mark", _TABS, ("UTF-16 without a byte-order mark",), encoding="utf-16-le"),
)
