"""Why a request is refused, in a sentence that the page of the refusal shows."""

from django.core.exceptions import BadRequest


class UnreadableRequest(BadRequest):
    """The address or the form holds what no page can read; the message is a sentence for the person who sent it."""
