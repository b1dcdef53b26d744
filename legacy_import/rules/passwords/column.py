"""The rule for one old password, as a column of the import."""

from legacy_import.rules.columns import Column, Read, Row
from legacy_import.rules.passwords.hash_formats import converted
from legacy_import.rules.passwords.plain import first_hash, is_plain
from legacy_import.source.values import LegacyValue, as_text, storage_letter

# Django never verifies a password that starts with "!". The same text for every account, so that importing twice
# changes nothing; nothing can be derived from it.
UNUSABLE = "!legacy-password-unusable"
TEXT_OR_BLOB = frozenset("tb")  # a number is none, and what had to be repaired is no longer what it was


class PasswordColumn(Column):
    """An old password.

    Args:
        plain_passwords: "hash", or "unusable": what becomes of passwords that were kept in clear.
    """

    secret = True

    def __init__(self, plain_passwords: str = "hash") -> None:
        super().__init__()
        self.plain_passwords = plain_passwords

    def read(self, value: LegacyValue, row: Row | None = None) -> Read:
        """The new password. The salt of a first hash depends on the row's old id."""
        text = as_text(value)
        if not text or storage_letter(value) not in TEXT_OR_BLOB:
            return UNUSABLE, ("unusable_password",)
        if encoded := converted(text):
            return encoded, ()
        if not is_plain(text):
            return UNUSABLE, ("unusable_password",)
        if self.plain_passwords == "unusable":
            return UNUSABLE, ("plain_password", "unusable_password")
        user_id = as_text(row["user_id"]) if row else None
        return first_hash(text, user_id or ""), ("plain_password",)

    def render(self, value: str | None, obj: object = None, **kwargs: object) -> str:
        """Say what kind of password it is; the hash itself is not shown."""
        if not value:
            return ""
        return "unusable" if value.startswith("!") else value.split("$", 1)[0]
