"""What all verbs share: whose decision it is, the batch that it belongs to, and the count of what came of it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, ParamSpec, Required, TypedDict, TypeVar

from django.db import OperationalError, connection, models, transaction
from django.db.models import F, QuerySet

from MiniTwit.database import locks
from MiniTwit.database.clock import database_time
from MiniTwit.database.failures import is_busy
from MiniTwit.models import BatchState, ModerationBatch, ModerationReason, SelectedRow, Subject, User, Verb
from MiniTwit.moderation.errors import ModerationError

COMMAND_LINE = "the command line"
BUSY = "No change made: other work keeps the accounts or messages, such as an import. Try again in a moment."
Objects = QuerySet[Any] | Iterable[models.Model | int]
P = ParamSpec("P")
R = TypeVar("R")


class CauseFields(TypedDict, total=False):
    """The cause of a decision, as the arguments of a verb; see `Cause.of`."""

    actor: Required[User | None]
    reason: ModerationReason | str
    note: str
    actor_name: str


@dataclass(frozen=True)
class Cause:
    """Who decides, and why. Every verb has one, and the log keeps it with each change.

    Attributes:
        actor: the account that decides; None for a command or a job.
        actor_name: the name in the log, because it outlives the account.
        reason: the name of a reason that staff keep, or the moderator's own words.
        note: more for the log.
    """

    actor: User | None
    actor_name: str
    reason: str
    note: str

    @classmethod
    def of(
        cls, *, actor: User | None, reason: ModerationReason | str = "", note: str = "", actor_name: str = ""
    ) -> "Cause":
        """The cause that a verb is given.

        Args:
            actor_name: counts only without an actor.

        Raises:
            ModerationError: the reason is too long for the log.
        """
        name = str(reason).strip()
        longest = ModerationReason._meta.get_field("name").max_length or 0
        if len(name) > longest:
            raise ModerationError(
                "reason_too_long", f"A reason has {longest} characters at most; write the rest into the note."
            )
        return cls(actor, actor.get_username() if actor else actor_name or COMMAND_LINE, name, note.strip())

    @classmethod
    def of_batch(cls, batch: ModerationBatch) -> "Cause":
        return cls(batch.actor, batch.actor_name, batch.reason, batch.note)

    def as_columns(self) -> dict[str, Any]:
        """The columns of a batch or an event that tell of it."""
        return {"actor": self.actor, "actor_name": self.actor_name, "reason": self.reason, "note": self.note}

    def require_reason(self) -> None:
        if not self.reason:
            raise ModerationError("reason_missing", "Give a reason for the decision.")


@dataclass
class Tally:
    """What came of a verb.

    Attributes:
        skipped: why an object was left alone, by its id (for an undo: by the id of the event).
        messages: how many messages were dealt with besides the objects that were named.
    """

    changed: int = 0
    unchanged: int = 0
    skipped: dict[int, str] = field(default_factory=dict)
    messages: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.changed + other.changed,
            self.unchanged + other.unchanged,
            self.skipped | other.skipped,
            self.messages + other.messages,
        )


def ids_of(objects: Objects) -> list[int]:
    """The ids of a queryset's objects, of instances, or those given; each once, in order."""
    if isinstance(objects, QuerySet):
        return sorted(set(objects.order_by().values_list("pk", flat=True)))
    return sorted({each.pk if isinstance(each, models.Model) else int(each) for each in objects})


def one_decision(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function that is one transaction: it is tried again while other work is in its way, and refused if
    that does not end. Within a transaction of the caller, that one has to be tried again."""
    retrying = locks.retry_if_busy(function)

    @wraps(function)
    def decide(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return retrying(*args, **kwargs)
        except OperationalError as error:
            if connection.in_atomic_block or not is_busy(error):
                raise
            raise ModerationError("database_busy", BUSY) from error

    return decide


def lock_tables_of(verb: str) -> None:
    """Begin a transaction in which a verb changes its objects; see `MiniTwit/database/locks.py`."""
    if Verb(verb).rules.subject is Subject.MESSAGE:
        locks.lock_tables(locks.MESSAGES, referring_to=[locks.USERS])
    elif verb == Verb.ERASE:
        locks.lock_tables(locks.USERS, locks.MESSAGES, locks.FOLLOWS)
    else:
        locks.lock_tables(locks.USERS, locks.MESSAGES)


@contextmanager
def open_batch(
    verb: Verb, cause: Cause, batch: ModerationBatch | None = None, **columns: Any
) -> Iterator[ModerationBatch]:
    """One transaction, with a batch of its own or the one that is open already."""
    with transaction.atomic():
        lock_tables_of(verb)
        if batch is not None:
            yield batch
            return
        batch = ModerationBatch.objects.create(
            verb=verb, state=BatchState.RUNNING, confirmed_at=database_time(), **cause.as_columns(), **columns
        )
        yield batch
        close_batch(batch, BatchState.DONE)


def close_batch(batch: ModerationBatch, state: BatchState) -> None:
    """Write down how a batch ended."""
    batch.state, batch.finished_at = state, database_time()
    batch.save(update_fields=["state", "finished_at"])


def record(batch: ModerationBatch, tally: Tally, *, selected: int = 0) -> None:
    """Add to a batch's counts, and keep what was skipped and why.

    Args:
        selected: of how many named objects the batch has not known before.
    """
    SelectedRow.objects.bulk_create(
        SelectedRow(batch=batch, object_id=object_id, outcome=SelectedRow.Outcome.SKIPPED, why=why)
        for object_id, why in tally.skipped.items()
    )
    ModerationBatch.objects.filter(pk=batch.pk).update(
        selected=F("selected") + selected + tally.messages,
        changed=F("changed") + tally.changed,
        unchanged=F("unchanged") + tally.unchanged,
        skipped=F("skipped") + len(tally.skipped),
        messages=F("messages") + tally.messages,
    )
    batch.refresh_from_db(fields=["selected", "changed", "unchanged", "skipped", "messages"])
