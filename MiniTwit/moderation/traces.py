"""Where a name or an e-mail address is written, so that it can be struck out."""

import re
from typing import Any

STRUCK_OUT = "(erased)"


class Traces:
    """The words that tell who an account was.

    Args:
        words: its username, its e-mail address; empty ones tell nothing.
    """

    def __init__(self, *words: str) -> None:
        self.words = [word for word in words if word]
        alternatives = "|".join(re.escape(word) for word in sorted(self.words, key=len, reverse=True))
        self._pattern = re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)", re.IGNORECASE) if self.words else None

    def are_in(self, text: str) -> bool:
        """Whether one of the words is in a text, and not as a part of another word."""
        return self._pattern is not None and self._pattern.search(text) is not None

    def struck_out_of(self, value: Any) -> Any:
        """A value of JSON without the words. Its keys are the program's own."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self._pattern.sub(STRUCK_OUT, value)
        if isinstance(value, list):
            return [self.struck_out_of(item) for item in value]
        if isinstance(value, dict):
            return {key: self.struck_out_of(item) for key, item in value.items()}
        return value
