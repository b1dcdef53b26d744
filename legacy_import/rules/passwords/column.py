"""The password as a column of the import."""

from typing import Any

from legacy_import.rules.columns import Column, Read, Row
from legacy_import.rules.passwords.conversion import Conversion
from legacy_import.source.values import LegacyValue


class PasswordColumn(Column):
    """An old password: see `Conversion`.

    Args:
        conversion: what becomes of plain passwords.
    """

    line = None
    secret = True

    def __init__(self, conversion: Conversion | None = None) -> None:
        super().__init__()
        self.conversion = conversion or Conversion()

    def read(self, value: LegacyValue, row: Row | None = None) -> Read:
        return self.conversion.convert(value, row["user_id"] if row else None)

    def render(self, value: str | None, obj: Any = None, **kwargs: Any) -> str:
        """Say what kind of password it is; the hash itself is not shown."""
        if not value:
            return ""
        return "unusable" if value.startswith("!") else value.split("$", 1)[0]
