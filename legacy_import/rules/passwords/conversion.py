"""The rule for one old password."""

from collections.abc import Iterator
from dataclasses import dataclass

from legacy_import.rules.passwords.formats import converted
from legacy_import.rules.passwords.plain import first_hash, is_plain

# Django never verifies a password that starts with "!". The same text for every account, so that importing twice
# changes nothing; nothing can be derived from it.
UNUSABLE = "!legacy-password-unusable"
# Before what a plain password became, in the staging tables only; no encoding begins so.
PLAIN_MARK = "plain:"
TEXT_OR_BLOB = frozenset("tb")  # a number is none, and what had to be repaired is no longer what it was


@dataclass(frozen=True)
class Conversion:
    """How passwords are converted.

    Attributes:
        plain_passwords: "hash", or "unusable": what becomes of passwords that were kept in clear.
    """

    plain_passwords: str = "hash"

    def password(self, storage: str, text: str | None, user_id: str | None) -> str:
        """What is to stand here.

        Args:
            storage: SQLite's storage class, as a letter; see `sources.values`.
            text: the old value.
            user_id: the old id, as text.
        """
        return self._convert(storage, text, user_id).removeprefix(PLAIN_MARK)

    def staged(self, storage: str, text: str | None, user_id: str | None) -> str:
        """The same, with a mark before what was plain."""
        return self._convert(storage, text, user_id)

    def notes(self, storage: str, text: str | None) -> Iterator[str]:
        """The note codes of a value. (Takes no time: nothing is hashed for it.)"""
        encoded = _hash_of(storage, text)
        plain = encoded is None and _is_plain(storage, text)
        if plain:
            yield "plain_password"
        if encoded is None and not (plain and self.plain_passwords == "hash"):
            yield "unusable_password"

    def _convert(self, storage: str, text: str | None, user_id: str | None) -> str:
        if encoded := _hash_of(storage, text):
            return encoded
        if not _is_plain(storage, text):
            return UNUSABLE
        usable = self.plain_passwords == "hash"
        return PLAIN_MARK + (first_hash(text or "", user_id or "") if usable else UNUSABLE)


def _hash_of(storage: str, text: str | None) -> str | None:
    return converted(text) if text and storage in TEXT_OR_BLOB else None


def _is_plain(storage: str, text: str | None) -> bool:
    return bool(text) and storage in TEXT_OR_BLOB and is_plain(text or "")
