"""List messages, and flag them by id: the old application's flag tool, which now uses the verbs of moderation."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from MiniTwit import moderation
from MiniTwit.ids import LARGEST_ID
from MiniTwit.models import Message, ModerationBatch, ModerationReason, SelectedRow, User, Verb
from MiniTwit.moderation.batches import Cause, one_decision
from MiniTwit.moderation.messages import OWN

NOT_FOUND, USAGE = 1, 2


class Command(BaseCommand):
    help = (
        "Flags messages, or takes the flag away. Exit code 0: done; 1: an id, or the account of --actor, does not "
        "exist, and nothing was changed; 2: wrong usage."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("ids", nargs="*", type=int, metavar="ID", help="messages to flag")
        parser.add_argument("--reason", default="", help="one of the back office's reasons, or your own words")
        parser.add_argument("--note", default="", help="for the log; only staff see it")
        parser.add_argument("--unflag", action="store_true", help="show the messages on timelines again")
        parser.add_argument("--actor", default="", metavar="USERNAME", help="the moderator who decided")
        parser.add_argument("--list", action="store_true", help="list messages, newest first: id, flag, author, text")
        parser.add_argument("--flagged", action="store_true", help="with --list: only flagged messages")
        parser.add_argument("--limit", type=int, help="with --list: at most so many")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["list"]:
            if options["ids"] or options["unflag"]:
                raise CommandError("Either list messages or flag some, not both.", returncode=USAGE)
            self.list_messages(options["flagged"], options["limit"])
            return
        if not options["ids"]:
            raise CommandError("Name the ids of the messages, or use --list to see them.", returncode=USAGE)
        if options["flagged"] or options["limit"] is not None:
            raise CommandError("--flagged and --limit go with --list.", returncode=USAGE)
        self.decide(options)

    def list_messages(self, only_flagged: bool, limit: int | None) -> None:
        if limit is not None and limit < 0:
            raise CommandError("--limit has to be a number from 0 on.", returncode=USAGE)
        messages = Message.objects.select_related("author").order_by("-pub_date", "-id")
        if only_flagged:
            messages = messages.filter(flagged=True)
        for message in messages[:limit].iterator():
            flag = "flagged" if message.flagged else "-"
            self.stdout.write(f"{message.pk}\t{flag}\t{one_line(str(message.author))}\t{one_line(message.text)}")

    def decide(self, options: dict[str, Any]) -> None:
        """Flag or unflag all the named messages, or none of them."""
        verb = Verb.UNFLAG if options["unflag"] else Verb.FLAG
        missing = [message_id for message_id in options["ids"] if not 0 < message_id <= LARGEST_ID]
        refuse_missing(missing)
        actor = actor_named(options["actor"]) if options["actor"] else None
        reason = reason_named(options["reason"])

        @one_decision
        @transaction.atomic
        def decide_about_all() -> ModerationBatch:
            cause = Cause.of(actor=actor, reason=reason, note=options["note"])
            batch = moderation.decide(verb, options["ids"], cause)
            refuse_skipped(batch)
            return batch

        try:
            batch = decide_about_all()
        except moderation.ModerationError as error:
            hint = " Use --reason." if error.code == "reason_missing" else ""
            raise CommandError(error.sentence + hint, returncode=USAGE) from None
        self.stdout.write(
            f"{batch.changed} {verb.rules.past_tense}, {batch.unchanged} so already (batch {batch.pk})."
        )


def refuse_skipped(batch: ModerationBatch) -> None:
    """Name the messages that the verb refused, and raise, so that the transaction rolls back."""
    skipped = dict(SelectedRow.objects.filter(batch=batch).values_list("object_id", "why"))
    if own := ", ".join(str(message_id) for message_id, why in skipped.items() if why == OWN):
        raise CommandError(f"Nothing was changed: {OWN} (message {own})", returncode=USAGE)
    refuse_missing(skipped)


def refuse_missing(ids: Any) -> None:
    if named := ", ".join(str(message_id) for message_id in ids):
        raise CommandError(f"Nothing was changed: there is no message {named}.", returncode=NOT_FOUND)


def actor_named(username: str) -> User:
    actor = User.objects.filter(username=username).first()
    if actor is None:
        raise CommandError(f"Nothing was changed: there is no account {username}.", returncode=NOT_FOUND)
    if not actor.has_perm(Verb.FLAG.rules.permission):
        raise CommandError(f"Nothing was changed: {username} may not flag messages.", returncode=USAGE)
    return actor


def reason_named(name: str) -> ModerationReason | str:
    """The reason of that name, however it is spelt; else the words as they are."""
    return ModerationReason.objects.filter(name__iexact=name.strip()).first() or name


def one_line(text: str) -> str:
    """A text without line breaks and control characters of terminals."""
    return "".join(character if character.isprintable() else " " for character in text)
