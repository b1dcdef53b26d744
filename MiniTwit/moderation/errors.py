"""What is refused, with a code for programs and a sentence for people."""


class ModerationError(Exception):
    """A decision that makes no sense. Nothing was changed.

    Attributes:
        code: stable, e.g. `reason_missing`. sentence: what is wrong and what to do.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
