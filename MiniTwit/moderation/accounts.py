"""What the verbs do to accounts. What an event says is the difference of two looks at the locked accounts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q
from django.db.models.expressions import RawSQL

from MiniTwit.database.clock import database_time
from MiniTwit.models import ModerationBatch, ModerationEvent, Strike, Subject, User, Verb
from MiniTwit.moderation import messages
from MiniTwit.moderation.batches import Cause, Tally
from MiniTwit.moderation.errors import ModerationError
from MiniTwit.moderation.history import newer_than_the_event, who_did_what

YOURSELF = "You cannot moderate your own account."
STAFF = "It is a staff account: only superusers decide about those."
ALL_AT_ONCE = 5_000  # rows per INSERT

State = dict[str, Any]  # suspended_at, suspended_until, strikes
Change = Callable[[list[int], datetime], Any]


def suspend(
    ids: Sequence[int], batch: ModerationBatch, cause: Cause, *, until: datetime | None, flag_messages: bool
) -> Tally:
    def change(allowed: list[int], now: datetime) -> None:
        so_already = Q(suspended_at__isnull=False, suspended_until=until)
        User.objects.filter(pk__in=allowed).exclude(so_already).update(suspended_at=now, suspended_until=until)

    if until is not None and until <= database_time():
        raise ModerationError("until_is_past", "A suspension has to end in the future.")
    tally = change_allowed(Verb.SUSPEND, ids, batch, cause, change)
    if flag_messages:
        tally += messages.flag_all_of([user_id for user_id in ids if user_id not in tally.skipped], batch, cause)
    return tally


def reinstate(ids: Sequence[int], batch: ModerationBatch, cause: Cause) -> Tally:
    def change(allowed: list[int], _now: datetime) -> None:
        User.objects.filter(pk__in=allowed, suspended_at__isnull=False).update(
            suspended_at=None, suspended_until=None
        )

    return change_allowed(Verb.REINSTATE, ids, batch, cause, change)


def warn(ids: Sequence[int], batch: ModerationBatch, cause: Cause, *, text: str) -> Tally:
    def change(allowed: list[int], now: datetime) -> None:
        Strike.objects.bulk_create(
            [
                Strike(user_id=user_id, batch=batch, text=text, actor_name=cause.actor_name, created_at=now)
                for user_id in allowed
            ],
            batch_size=ALL_AT_ONCE,
        )

    if not text.strip():
        raise ModerationError("text_missing", "Write what the account is warned of.")
    return change_allowed(Verb.WARN, ids, batch, cause, change)


def undo(event_ids: Sequence[int], batch: ModerationBatch, cause: Cause) -> Tally:
    """Put accounts back as they were before the events, where they still are as the events left them."""
    changes = {change.user_id: change for change in changes_of(event_ids)}
    if not changes:
        return Tally()
    allowed, refused = lock(list(changes), cause)
    present = states(allowed)
    restored = {
        user_id: changes[user_id].before
        for user_id in allowed
        if changes[user_id].is_suspension and suspension(present[user_id]) == suspension(changes[user_id].after)
    }
    strikes = Strike.objects.filter(batch=root_of(batch))

    def change(_allowed: list[int], now: datetime) -> None:
        restore_suspensions(restored)
        given = [user_id for user_id in allowed if changes[user_id].strikes > 0]
        taken = [user_id for user_id in allowed if changes[user_id].strikes < 0]
        strikes.filter(user__in=given, revoked_at=None).update(revoked_at=now)
        strikes.filter(user__in=taken, revoked_at__isnull=False).update(revoked_at=None)

    tally = change_accounts(Verb.UNDO, allowed, batch, cause, change)
    others = {
        changes[user_id].event_id: user_id
        for user_id in allowed
        if user_id not in restored and changes[user_id].is_overruled_in(present[user_id])
    }
    tally.unchanged -= len(others)
    tally.skipped = {changes[user_id].event_id: why for user_id, why in refused.items()}
    tally.skipped |= who_did_what(Subject.ACCOUNT, others, is_newer=newer_than_the_event)
    return tally


def lock(ids: Sequence[int], cause: Cause) -> tuple[list[int], dict[int, str]]:
    """Lock accounts in the order of their ids.

    Returns:
        The ids of the accounts that the actor may decide about, and why the others are skipped.
    """
    rows = User.objects.filter(pk__in=ids).order_by("pk").select_for_update(no_key=True)
    privileges = rows.values_list("pk", "is_staff", "is_superuser")
    found = {user_id: is_staff or is_superuser for user_id, is_staff, is_superuser in privileges}
    missing = set(ids) - found.keys()
    skipped = who_did_what(Subject.ACCOUNT, {user_id: user_id for user_id in missing}, missing)
    if cause.actor is not None:
        if not cause.actor.is_superuser:
            skipped |= {user_id: STAFF for user_id, is_privileged in found.items() if is_privileged}
        if cause.actor.pk in found:
            skipped[cause.actor.pk] = YOURSELF
    return [user_id for user_id in found if user_id not in skipped], skipped


def change_allowed(verb: Verb, ids: Sequence[int], batch: ModerationBatch, cause: Cause, change: Change) -> Tally:
    """Lock accounts, and change those that the actor may decide about."""
    allowed, skipped = lock(ids, cause)
    tally = change_accounts(verb, allowed, batch, cause, change)
    tally.skipped = skipped
    return tally


def change_accounts(verb: Verb, ids: list[int], batch: ModerationBatch, cause: Cause, change: Change) -> Tally:
    """Change locked accounts, and log each one whose state differs afterwards."""
    now = database_time()
    before = states(ids)
    change(ids, now)
    after = states(ids)
    changed = [user_id for user_id in before if before[user_id] != after[user_id]]
    ModerationEvent.objects.bulk_create(
        [
            ModerationEvent(
                batch=batch,
                verb=verb,
                user_id=user_id,
                before=before[user_id],
                after=after[user_id],
                created_at=now,
                **cause.as_columns(),
            )
            for user_id in changed
        ],
        batch_size=ALL_AT_ONCE,
    )
    return Tally(len(changed), len(before) - len(changed))


def states(ids: Sequence[int]) -> dict[int, State]:
    """The accounts' state as moderation knows it, ready to be logged.

    One query a table, because a join might read all strikes for each account; see
    `messages.without_nested_loops`.
    """
    strikes = Strike.objects.filter(user__in=ids, revoked_at=None).values("user_id")
    given = dict(strikes.annotate(Count("pk")).values_list("user_id", "pk__count"))
    rows = User.objects.filter(pk__in=ids).values_list("pk", "suspended_at", "suspended_until")
    return {
        user_id: {
            "suspended_at": written(since),
            "suspended_until": written(until),
            "strikes": given.get(user_id, 0),
        }
        for user_id, since, until in rows
    }


def written(moment: datetime | None) -> str | None:
    """With its microseconds, which Django's own encoder drops."""
    return moment.isoformat() if moment else None


def suspension(state: State) -> tuple[str | None, str | None]:
    return state["suspended_at"], state["suspended_until"]


@dataclass(frozen=True)
class AccountChange:
    """The change of an account that an event recorded."""

    event_id: int
    user_id: int
    before: State
    after: State

    @property
    def is_suspension(self) -> bool:
        """Did it change whether the account is suspended?"""
        return suspension(self.before) != suspension(self.after)

    @property
    def strikes(self) -> int:
        """How many strikes the account had more than before."""
        return int(self.after["strikes"] - self.before["strikes"])

    def is_overruled_in(self, present: State) -> bool:
        """Whether the account is neither as it was left nor as it was before: a later decision changed it."""
        return self.is_suspension and suspension(present) not in (suspension(self.before), suspension(self.after))


def changes_of(event_ids: Sequence[int]) -> list[AccountChange]:
    named = RawSQL("SELECT unnest(%s::bigint[])", [list(event_ids)])  # one parameter, where a list makes thousands
    events = ModerationEvent.objects.filter(pk__in=named, message=None, user__isnull=False)
    return [
        AccountChange(event_id, user_id, before, after or {})
        for event_id, user_id, before, after in events.values_list("pk", "user_id", "before", "after")
    ]


def restore_suspensions(former: dict[int, State]) -> None:
    restored = [
        User(
            pk=user_id,
            suspended_at=datetime.fromisoformat(state["suspended_at"]) if state["suspended_at"] else None,
            suspended_until=datetime.fromisoformat(state["suspended_until"]) if state["suspended_until"] else None,
        )
        for user_id, state in former.items()
    ]
    User.objects.bulk_update(restored, ["suspended_at", "suspended_until"], batch_size=1_000)


def root_of(batch: ModerationBatch) -> ModerationBatch:
    """The batch at the beginning of a chain of undos: strikes belong to that one."""
    while batch.undoes is not None:
        batch = batch.undoes
    return batch
