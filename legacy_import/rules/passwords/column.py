"""The password as a column of the import."""

from collections.abc import Iterator
from typing import Any

from psycopg2 import sql

from legacy_import.rules.columns import LegacyWidget, StagedColumn
from legacy_import.rules.passwords.conversion import PLAIN_MARK, UNUSABLE, Conversion
from legacy_import.source.values import LegacyValue, as_text, storage_letter


class PasswordWidget(LegacyWidget):
    """Convert a value, row by row; what is staged was converted already, so the SQL only reads it.

    Args:
        conversion: what becomes of plain passwords.
    """

    usual_storage = "t"

    def __init__(self, conversion: Conversion | None = None) -> None:
        super().__init__()
        self.conversion = conversion or Conversion()

    def clean(self, value: LegacyValue, row: Any = None, **kwargs: Any) -> str:
        user_id = as_text(row["user_id"]) if row else None
        return self.conversion.password(storage_letter(value), as_text(value), user_id)

    def notes(self, value: LegacyValue) -> Iterator[str]:
        yield from self.conversion.notes(storage_letter(value), as_text(value))

    def render(self, value: str | None, obj: Any = None, **kwargs: Any) -> str:
        """Say what kind of password it is; the hash itself is nobody's business."""
        if not value:
            return ""
        return "unusable" if value.startswith("!") else value.split("$", 1)[0]

    def value_sql(self, column: StagedColumn) -> sql.Composable:
        return sql.SQL("CASE WHEN {plain} THEN substr({value}, {start}) ELSE {value} END").format(
            plain=_is_plain_sql(column), value=column.value, start=sql.Literal(len(PLAIN_MARK) + 1)
        )

    def notes_sql(self, column: StagedColumn) -> dict[str, sql.Composable]:
        return {
            "plain_password": _is_plain_sql(column),
            "unusable_password": sql.SQL("{} = {}").format(column.cleaned, sql.Literal(UNUSABLE)),
        }

    def plain_sql(self, column: StagedColumn) -> sql.Composable:
        return sql.SQL("NOT {} AND {} <> {}").format(_is_plain_sql(column), column.cleaned, sql.Literal(UNUSABLE))


def _is_plain_sql(column: StagedColumn) -> sql.Composable:
    return sql.SQL("starts_with({}, {})").format(column.value, sql.Literal(PLAIN_MARK))
