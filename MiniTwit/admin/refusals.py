"""Errors whose sentence the page of a refusal shows."""

from django.core.exceptions import BadRequest


class UnreadableRequest(BadRequest):
    """No page can read the address or the form; the message is a sentence for the user who sent it."""
