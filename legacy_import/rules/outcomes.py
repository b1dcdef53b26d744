"""Every code the import gives a row, with the sentence staff read. A code is never renamed: scripts count them."""

from enum import StrEnum
from typing import Self


class Outcome(StrEnum):
    """What happens to a row, with what it means before and after the import. Per table: read = the sum of all six."""

    expected: str
    done: str

    NEW = "new", "Does not exist yet: will be created.", "Did not exist yet: created."
    CHANGED = (
        "changed",
        "Exists, different in the old database: will be updated.",
        "Existed, different in the old database: updated.",
    )
    UNCHANGED = "unchanged", "Exists and is the same: nothing to do.", "Existed and the same."
    KEPT = (
        "kept",
        "Exists and is different, or was deleted in this application permanently: that is kept.",
        "Existed and different: the existing row was kept.",
    )
    DUPLICATE = (
        "duplicate",
        "The same as another row that is imported: counted, not imported twice.",
        "The same as another row that was imported: not imported twice.",
    )
    REJECTED = (
        "rejected",
        "Cannot be imported: stored with the reason, and downloadable.",
        "Could not be imported: stored with the reason, and downloadable.",
    )

    def __new__(cls, value: str, expected: str = "", done: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.expected, member.done = expected, done
        return member


# Why a row is not imported.
REASONS: dict[str, str] = {
    "bad_id": "The id is missing, is a fraction, or is a text that cannot serve as one.",
    "duplicate_id": "An earlier row has the same id.",
    "empty_username": "The username is empty or missing.",
    "bad_username": "The username holds control characters or is longer than 254 characters.",
    "duplicate_username": "Another account has the same username: one with a lower id, or an existing one.",
    "username_taken": "The username belongs to an existing account that did not come from the old database.",
    "author_missing": "No imported user has this author id: it is not in the old user table, or came later.",
    "author_rejected": "The author is in the old user table, but that account was rejected.",
    "empty_text": "The text is empty or missing.",
    "bad_date": "The publication date is missing or cannot be read as a date.",
    "incomplete_follow": "The follower or the followed is missing in the row.",
    "self_follow": "An account follows itself, or one that was merged into it.",
    "follower_missing": "The follower is not among the imported users.",
    "followed_missing": "The followed account is not among the imported users.",
}

# What was noticed on a row that is imported all the same.
NOTES: dict[str, str] = {
    "number_as_text": "Stored as a number by SQLite; read as text.",
    "repaired_text": "Held NUL characters (dropped) or bytes that are not UTF-8 (replaced).",
    "username_normalised": "The username was brought to Unicode's NFKC form, as signing in does.",
    "case_twin": "Another username differs only in upper and lower case.",
    "duplicate_email": "Another account has the same e-mail address.",
    "invalid_email": "The e-mail address is not a valid one.",
    "empty_email": "There is no e-mail address.",
    "plain_password": "The password was kept in clear.",
    "unusable_password": "The stored password cannot be used: the account needs a new one to sign in.",
    "deactivated": "Deactivated, banned, locked or deleted in the old application: imported as not active.",
    "active_unknown": "Whether the account was active is unclear: a new account is, an existing one stays as it is.",
    "joined_unknown": "The date on which the account was made cannot be read as a date: it stays unknown.",
    "date_as_text": "The date was stored as text.",
    "date_unit": "The date was stored in another unit than seconds.",
    "suspicious_date": "The date lies before 1990 or in the future.",
    "flagged_unknown": "Nothing was stored under flagged; read as not flagged.",
    "flagged_odd": "Flagged was neither 0 nor 1.",
    "author_by_name": "The author was given as a username.",
    "changed_here": "Kept because it was changed in this application since it was imported.",
    "kept_by_option": "Kept because existing rows were to stay as they are.",
    "purged_here": "Not brought back: it was deleted in this application permanently.",
    "erased_here": "Not brought back: the account was erased in this application on request.",
}
