"""The decisions about many messages that `benchmarks.desk` measures, on the database that it filled.

    python -m benchmarks.desk_batches

Prints what `benchmarks.desk_visits` prints. The worker's tasks run in this process, each of them once, as the worker
runs them.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection
from django.test import Client

from benchmarks.desk_visits import ADMIN, Figure, answered, print_figures

FLAGGED = 100_000  # messages


def once(what: str, rows: int, work: Callable[[], Any], *, is_page: bool = False) -> Figure:
    """Run some work once, and measure it and count its queries."""
    queries = 0

    def count(execute: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal queries
        queries += 1
        return execute(*arguments)

    started = time.perf_counter()
    with connection.execute_wrapper(count):
        work()
    milliseconds = (time.perf_counter() - started) * 1000
    return Figure(what, rows, queries, milliseconds, milliseconds, is_page)


def figures() -> Iterator[Figure]:
    from MiniTwit.models import User

    moderator = User.objects.get(username="admin")
    client = Client()
    client.force_login(moderator)
    yield from selection_of_all(client)
    yield from flagging(moderator)


def selection_of_all(client: Client) -> Iterator[Figure]:
    """Choose an action for all messages, and have them frozen."""
    from MiniTwit.admin.deciding.freezing import freeze_list
    from MiniTwit.models import BatchState, Message, ModerationBatch
    from MiniTwit.moderation import selections

    number = Message.objects.count()
    form = {"action": "flag_selected", "select_across": "1", "_selected_action": "1", "index": "0"}
    yield once(
        "action on all messages",
        number,
        lambda: answered(client.post(f"{ADMIN}message/", form, secure=True), 302),
        is_page=True,
    )
    batch = ModerationBatch.objects.get(state=BatchState.REQUESTED)
    yield once("freezing them, worker", number, lambda: freeze_list.call(batch.pk))
    require(batch, BatchState.SELECTED, selected=number)
    selections.discard(batch)


def flagging(moderator: Any) -> Iterator[Figure]:
    """Flag many messages, and undo that."""
    from MiniTwit.models import BatchState, Message, Verb
    from MiniTwit.moderation import selections
    from MiniTwit.moderation.batch_worker import run_batch
    from MiniTwit.moderation.batches import Cause

    shown = Message.objects.filter(flagged=False)
    number = min(FLAGGED, shown.count())
    last = shown.order_by("pk").values_list("pk", flat=True)[number - 1]
    cause = Cause.of(actor=moderator, reason="Spam")
    selected = selections.freeze(verb=Verb.FLAG, queryset=shown.filter(pk__lte=last), actor=moderator)
    batch = selections.confirm(batch=selected, cause=cause)
    yield once("flagging selected messages, worker", number, lambda: run_batch.call(batch.pk))
    require(batch, BatchState.DONE, changed=number)
    undoing = selections.undo(batch=batch, cause=cause)
    yield once("undo of it, worker", number, lambda: run_batch.call(undoing.pk))
    require(undoing, BatchState.DONE, changed=number)


def require(batch: Any, state: str, **counts: int) -> None:
    """Raise if a batch did not do what was measured."""
    batch.refresh_from_db()
    found = {name: getattr(batch, name) for name in counts}
    if batch.state != state or found != counts:
        raise RuntimeError(f"Batch {batch.pk} is {batch.state} with {found} instead of {counts}. {batch.error}")


if __name__ == "__main__":
    print_figures(figures)
