import pytest

from tacit import tables
from tacit.errors import TableError
from tests.dialects import DATA, REFUSED, UNDERSTOOD, Dialect


@pytest.mark.parametrize("dialect", UNDERSTOOD, ids=lambda each: each.label)
def test_dialects_that_mean_one_thing_are_understood(dialect: Dialect) -> None:
    table = tables.read(dialect.content)
    assert {name: table.columns[name].values() for name in DATA} == DATA


@pytest.mark.parametrize("dialect", REFUSED, ids=lambda each: each.label)
def test_what_can_mean_two_things_is_refused(dialect: Dialect) -> None:
    with pytest.raises(TableError) as refusal:
        [column.values() for column in tables.read(dialect.content).columns.values()]
    for words in dialect.refused:
        assert words in str(refusal.value)


def test_columns_may_be_shorter_and_a_word_is_said_of_it() -> None:
    columns = tables.read(b"a,b,c\n1,4,\n2,,\n3,,\n").columns
    assert [columns[name].values() for name in "abc"] == [[1, 2, 3], [4], []]
    assert columns["a"].note() == ""
    assert columns["b"].note() == "Column b: its last 2 cells are empty and were left out."


def test_an_empty_line_of_a_single_column_is_a_missing_value() -> None:
    with pytest.raises(TableError, match=r"Row 2 \(line 3\), column y: there is no number"):
        tables.read(b"y\n1\n\n3\n").columns["y"].values()
    assert tables.read(b"y\n1\n3\n\n\n").columns["y"].values() == [1, 3]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"PK\x03\x04...", ".xlsx"),
        (b"\xff\xfe\x00", "UTF-16"),
        (b"\x1f\x8b\x08", "compressed"),
    ],
)
def test_what_is_no_table_is_said_to_be_none(content: bytes, words: str) -> None:
    with pytest.raises(TableError, match=words):
        tables.read(content)


def test_what_a_person_should_know_is_noted() -> None:
    assert tables.read("y,café\n1,2\n".encode("latin-1")).notes == (
        "It is not UTF-8, and was read as Windows-1252 (Latin-1).",
    )
    assert tables.read(b",y\n0,2\n").notes == ("A column without a name is not used.",)
    assert tables.read(b"y,,\n2,,\n").notes == ()


def test_what_a_cell_may_have_depends_on_the_field() -> None:
    column = tables.read(b"y,x\nlow,1\nNA,1\n2,1\n,1\n").columns["y"]
    assert column.values(("low", "NA"), missing=True) == ["low", "NA", 2.0, None]
    assert column.values(("low",), missing=True) == ["low", None, 2.0, None]
    assert column.note(missing=True) == "Column y: its last cell is empty and was read as missing."
    assert column.values(("low", "NA")) == ["low", "NA", 2.0]
    assert column.note() == "Column y: its last cell is empty and was left out."
    with pytest.raises(TableError, match=r"Row 1 \(line 2\), column y: 'low' is not a number"):
        column.values(missing=True)
    with pytest.raises(TableError, match="'low' is not a level of the field: write one of high, or its number"):
        column.values(("high",), missing=True)
    with pytest.raises(TableError, match=r"Row 2 .*there is no number .*Field\(missing=True\)"):
        column.values(("low",))
