"""The rule for one old password."""

from dataclasses import dataclass

from legacy_import.rules.passwords.formats import converted
from legacy_import.rules.passwords.plain import first_hash, is_plain
from legacy_import.source.values import LegacyValue, as_text, storage_letter

# Django never verifies a password that starts with "!". The same text for every account, so that importing twice
# changes nothing; nothing can be derived from it.
UNUSABLE = "!legacy-password-unusable"
TEXT_OR_BLOB = frozenset("tb")  # a number is none, and what had to be repaired is no longer what it was


@dataclass(frozen=True)
class Conversion:
    """How passwords are converted.

    Attributes:
        plain_passwords: "hash", or "unusable": what becomes of passwords that were kept in clear.
    """

    plain_passwords: str = "hash"

    def convert(self, value: LegacyValue, user_id: LegacyValue) -> tuple[str, tuple[str, ...]]:
        """The new password, and the codes of what was noticed.

        Args:
            user_id: the old id, which the salt of a first hash depends on.
        """
        text = as_text(value)
        if not text or storage_letter(value) not in TEXT_OR_BLOB:
            return UNUSABLE, ("unusable_password",)
        if encoded := converted(text):
            return encoded, ()
        if not is_plain(text):
            return UNUSABLE, ("unusable_password",)
        if self.plain_passwords == "unusable":
            return UNUSABLE, ("plain_password", "unusable_password")
        return first_hash(text, as_text(user_id) or ""), ("plain_password",)
