"""Erasing an account on request: its owner's data is removed everywhere; the log keeps what happened, by number.

The account stays as an empty row, which holds the place of its old id: no later import brings the data back.
Deleting it altogether is the same with one step more.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import CharField, Q, QuerySet, TextChoices, Value
from django.db.models.functions import Cast, Concat
from django.dispatch import Signal

from MiniTwit.database.clock import database_time
from MiniTwit.database.triggers import ERASED_NOTE
from MiniTwit.models import (
    FileImport,
    Follow,
    Message,
    ModerationBatch,
    ModerationEvent,
    SavedFilter,
    StaffNote,
    Strike,
    User,
    Verb,
)
from MiniTwit.moderation import messages
from MiniTwit.moderation.batches import Cause, Tally
from MiniTwit.moderation.errors import ModerationError
from MiniTwit.moderation.traces import Traces

CHUNK = 1_000  # messages per statement

# Sent within the erasing transaction with `account`, an `ErasedAccount`: every other module that keeps something of
# the account removes it now.
user_erased = Signal()


class Messages(TextChoices):
    """What becomes of the messages."""

    KEEP = "keep", "Keep them, under the erased name"
    PURGE = "purge", "Delete them permanently"


@dataclass(frozen=True)
class ErasedAccount:
    """Whose account it was. It serves to remove the traces and is not stored."""

    user_id: int
    legacy_id: int | None
    username: str
    email: str = ""

    @property
    def traces(self) -> Traces:
        return Traces(self.username, self.email)


def obstacle_to_erasing(user: User, actor: User | None) -> str:
    """Why the actor cannot erase an account, or nothing."""
    if user.erased_at is not None:
        return "This account is erased already."
    if actor is not None and user.pk == actor.pk:
        return "You cannot erase your own account."
    if (user.is_staff or user.is_superuser) and not (actor and actor.is_superuser):
        return "It is a staff account: only superusers erase those."
    return ""


def obstacle_to_deleting(user: User, actor: User | None) -> str:
    """Why the actor cannot delete an account with all that refers to it, or nothing."""
    if LogEntry.objects.filter(user=user).exists():
        return "This account worked in the back office, and the record of that would go with it. Erase it instead."
    return "" if user.erased_at else obstacle_to_erasing(user, actor)


def options_of(chosen: str, delete: bool) -> dict[str, Any]:
    """What a batch has to know.

    Raises:
        ModerationError: the choices contradict each other.
    """
    if chosen not in Messages.values:
        raise ModerationError("unknown_choice", f"Messages are kept or purged; “{chosen}” is neither.")
    if delete and chosen != Messages.PURGE:
        raise ModerationError("messages_need_an_author", "A deleted account cannot keep its messages: purge them.")
    return {"messages": str(chosen), "delete": delete}


def expect_messages(batch: ModerationBatch, user_ids: QuerySet[Any]) -> None:
    """Count into a batch the messages that it will delete, so that its progress can be told."""
    if batch.options.get("messages") != Messages.PURGE:
        return
    batch.messages = Message.objects.filter(author__in=user_ids).count()
    batch.selected += batch.messages
    batch.save(update_fields=["messages", "selected"])


def rows_of(user_id: int) -> list[QuerySet[Any]]:
    """The rows about an account of which there may be many, for counting."""
    return [
        Message.objects.filter(author=user_id),
        Follow.objects.filter(who=user_id),
        Follow.objects.filter(whom=user_id),
        ModerationEvent.objects.filter(user=user_id),
    ]


def is_small(user_id: int, limit: int) -> bool:
    """Whether so few rows refer to an account that the moderator can wait for its erasure."""
    return all(rows.order_by().values("pk")[: limit + 1].count() <= limit for rows in rows_of(user_id))


def purge_some(batch: ModerationBatch, user_ids: Sequence[int]) -> Tally:
    """Delete some of the accounts' messages, if that was chosen; nothing is changed when none are left."""
    if batch.options.get("messages") != Messages.PURGE:
        return Tally()
    ids = list(Message.objects.filter(author__in=user_ids).order_by().values_list("pk", flat=True)[:CHUNK])
    if not ids:
        return Tally()
    return Tally(messages.purge(ids, batch, Cause.of_batch(batch)).changed)


def erase(ids: Sequence[int], batch: ModerationBatch, cause: Cause) -> Tally:
    """Erase accounts, and delete them if the batch says so, in the caller's transaction."""
    tally = Tally()
    delete = bool(batch.options.get("delete"))
    for user in User.objects.filter(pk__in=ids).order_by("pk").select_for_update():
        obstacle = (obstacle_to_deleting if delete else obstacle_to_erasing)(user, cause.actor)
        if obstacle:
            tally.skipped[user.pk] = obstacle
            continue
        while (purged := purge_some(batch, [user.pk])).changed:
            tally += purged
        erase_one(user, batch, cause, delete=delete)
        tally.changed += 1
    return tally


def erase_one(user: User, batch: ModerationBatch, cause: Cause, *, delete: bool) -> None:
    """Remove the owner's data everywhere; the event about it is written last, with its own note."""
    now = database_time()
    before: dict[str, Any] = {"active": user.is_active, "erased": user.erased_at is not None}
    before |= {"following": user.following.all().delete()[0], "followers": user.followers.all().delete()[0]}
    strike_out_texts(user, batch)
    rename_in_the_admin_log(user, erased_name(user))
    account = ErasedAccount(user.pk, user.legacy_id, user.username, user.email)
    forget_views_and_files(account.traces)
    user_erased.send(sender=User, account=account)
    empty_the_account(user, now)
    ModerationEvent.objects.create(
        batch=batch,
        verb=Verb.ERASE,
        user_id=user.pk,
        before=before,
        after=None if delete else {"active": False, "erased": True, "following": 0, "followers": 0},
        created_at=now,
        **cause.as_columns(),
    )
    if delete:
        user.delete()


def erased_name(user: User) -> str:
    """A username that says nothing, and that no other account has."""
    name = f"erased-{user.pk}"
    while User.objects.filter(username=name).exclude(pk=user.pk).exists():
        name += "-"
    return name


def empty_the_account(user: User, now: Any) -> None:
    user.username = erased_name(user)
    user.email = user.first_name = user.last_name = ""
    user.set_unusable_password()
    user.is_active = user.is_staff = user.is_superuser = False
    user.last_login = None
    user.erased_at = now
    user.save()
    user.groups.clear()
    user.user_permissions.clear()
    user.saved_filters.all().delete()
    user.claims.all().delete()


def strike_out_texts(user: User, erasing: ModerationBatch) -> None:
    """Remove what staff wrote about the account in their own words: in strikes, notes, decisions and their batches.

    The batch that erases keeps its note: it says on whose request.
    """
    Strike.objects.filter(user=user).update(text=ERASED_NOTE)
    StaffNote.objects.filter(user=user).update(text=ERASED_NOTE)
    events = ModerationEvent.objects.filter(user=user).exclude(batch=erasing)
    batches = ModerationBatch.objects.filter(pk__in=events.order_by().values("batch").distinct())
    for batch in batches.filter(options__has_key="text"):
        batch.options["text"] = ERASED_NOTE
        batch.save(update_fields=["options"])
    batches.exclude(note="").update(note=ERASED_NOTE)
    events.exclude(note__in=["", ERASED_NOTE]).update(note=ERASED_NOTE)
    messages.strike_out_texts_of(user.pk)


def forget_views_and_files(traces: Traces) -> None:
    """Remove all saved views that search for the account, and strike it out of reports on files and the admin log."""
    views = SavedFilter.objects.only("name", "query")
    found = [view.pk for view in views if traces.are_in(view.name) or traces.are_in(unquote_plus(view.query))]
    SavedFilter.objects.filter(pk__in=found).delete()
    for report in FileImport.objects.iterator(chunk_size=20):
        before = [report.file_name, report.report, report.error]
        after = traces.struck_out_of(before)
        if before != after:
            report.file_name, report.report, report.error = after
            report.save(update_fields=["file_name", "report", "error"])
    own_types = ContentType.objects.get_for_models(User, Message, Follow)
    elsewhere = LogEntry.objects.exclude(content_type__in=own_types.values())
    for entry in elsewhere.filter(named_in_the_log(traces)).iterator():
        entry.object_repr = traces.struck_out_of(entry.object_repr)[:200]
        entry.change_message = traces.struck_out_of(entry.change_message)
        entry.save(update_fields=["object_repr", "change_message"])


def named_in_the_log(traces: Traces) -> Q:
    named = Q(pk__in=[])
    for word in traces.words:
        named |= Q(object_repr__icontains=word) | Q(change_message__icontains=word)
    return named


def rename_in_the_admin_log(user: User, name: str) -> None:
    """Django's log calls objects by their names: the account, its follows, and its messages, by their texts."""
    account, message, follow = (ContentType.objects.get_for_model(model) for model in (User, Message, Follow))
    LogEntry.objects.filter(content_type=account, object_id=str(user.pk)).update(object_repr=name)
    told = ModerationEvent.objects.filter(user=user, verb__in=[Verb.PURGE, Verb.EDIT], message__isnull=False)
    LogEntry.objects.filter(
        content_type=message, object_id__in=told.values_list(Cast("message_id", CharField()), flat=True)
    ).update(object_repr=Concat(Value("message "), "object_id"))
    follows = LogEntry.objects.filter(content_type=follow)
    named = Q(object_repr__contains=user.username) | Q(change_message__contains=user.username)
    for entry in follows.filter(named).iterator():
        entry.object_repr = renamed(entry.object_repr, user.username, name)[:200]
        entry.change_message = renamed(entry.change_message, user.username, name)
        entry.save(update_fields=["object_repr", "change_message"])


def renamed(text: str, username: str, name: str) -> str:
    """Replace a name where "A follows B" has it, and not where it is a part of another."""
    old = re.escape(username)
    text = re.sub(rf"(^|: |; ){old}(?= follows )", lambda found: found[1] + name, text)
    return re.sub(rf"(?<= follows ){old}(?=$|;|\.$| and [\d,]+ more)", lambda _found: name, text)
