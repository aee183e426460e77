"""Tables that were read."""

from pydantic import Field

from app.schemas.kinds import Answer


class TableColumn(Answer):
    """A column: its values, or why it has none."""

    name: str
    values: list[float | str | None] | None = Field(
        description="From the first row on: numbers, names of levels, null for a missing value. Null where a cell is "
        "none that the field takes."
    )
    problem: str | None = Field(description="Which cell is no value of the field, and why; null where all are.")
    note: str = Field(description="What a person should know of how it was read, or nothing.")


class TableContent(Answer):
    """What a file has, and what a person should know of how it was read."""

    columns: list[TableColumn]
    notes: list[str]
