"""Rules for texts and usernames."""

import re
import unicodedata

from django.core.exceptions import ValidationError
from django.utils.deconstruct import deconstructible

USERNAME_MAX_LENGTH = 254  # characters: what Django's sign-in form takes
# Characters. A longer text is no username in any form, and is not normalised: the time for that grows with the square
# of the marks on a letter, and nothing can stop it.
LONGEST_NORMALISED = 4 * USERNAME_MAX_LENGTH

# C0 and C1 controls, DEL, and the Unicode line and paragraph separators; written so that Python's and
# PostgreSQL's regular expressions read it alike.
CONTROL_CHARACTERS = r"[\u0001-\u001f\u007f-\u009f\u2028\u2029]"


def normalised_username(text: str) -> str:
    """NFKC, the form in which usernames are stored and Django reads them at sign-in."""
    return text if len(text) > LONGEST_NORMALISED else unicodedata.normalize("NFKC", text)


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can store a text: it takes no NUL, and no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


@deconstructible
class PrintableUsernameValidator:
    """Accept any printable characters, spaces and emoji among them; refuse control characters.

    The old site never restricted usernames, so Django's own `[\\w.@+-]` would lock people out.
    """

    message = "A username may hold any printable characters, but no control characters or line breaks."
    code = "bad_username"

    def __call__(self, value: str) -> None:
        if "\0" in value or re.search(CONTROL_CHARACTERS, value):
            raise ValidationError(self.message, code=self.code)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PrintableUsernameValidator)

    def __hash__(self) -> int:
        return hash(type(self))
