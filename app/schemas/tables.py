"""Tables that were read."""

from pydantic import Field

from app.schemas.kinds import Answer


class TableColumn(Answer):
    """A column: its numbers, or why it has none."""

    name: str
    values: list[float] | None = Field(description="From the first row on; null where a cell is not a number.")
    problem: str | None = Field(description="Which cell is not a number, and why; null where all are.")
    note: str = Field(description="What a person should know of how it was read, or nothing.")


class TableContent(Answer):
    """What a file has, and what a person should know of how it was read."""

    columns: list[TableColumn]
    notes: list[str]
