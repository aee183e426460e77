"""Draws as bytes, in the forms that clients ask for by `Accept`."""

from app.formats.negotiation import FORMATS, Format, FormatDep, forms
from app.formats.table import VARS, Column, Group, Part, Table, written

__all__ = ["FORMATS", "VARS", "Column", "Format", "FormatDep", "Group", "Part", "Table", "forms", "written"]
