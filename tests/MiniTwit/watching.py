"""Terms of the watch-list for tests, and messages that they are found in."""

from typing import Any

from MiniTwit import watchlist
from MiniTwit.models import Message, WatchHit, WatchTerm
from tests.MiniTwit.factories import make_message, make_user

# At each of the letters PostgreSQL looks through the rest of the text: minutes, for a long one.
SLOW = r"a(?=a*q)b"
LONG = "a" * 100_000


def make_term(pattern: str, kind: str = "word", **fields: Any) -> WatchTerm:
    return WatchTerm.objects.create(kind=kind, pattern=pattern, **fields)


def found_by(kind: str, pattern: str, *texts: str) -> list[str]:
    """Which of the texts the term is found in."""
    author = make_user()
    made = [make_message(author, text) for text in texts]
    term = make_term(pattern, kind)
    watchlist.scan()
    hits = set(WatchHit.objects.filter(term=term).values_list("message", flat=True))
    return [message.text for message in made if message.pk in hits]


def edit(message: Message, text: str) -> None:
    Message.objects.filter(pk=message.pk).update(text=text)


LIST = "/admin/MiniTwit/watchterm/"
