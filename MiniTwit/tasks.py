"""Moderation's work in the background: what `manage.py db_worker` executes."""

from django_tasks import task

from MiniTwit import batch_work


@task()
def run_batch(batch_id: int) -> None:
    batch_work.run(batch_id)
