"""Moderation's work in the background: what `manage.py db_worker` executes."""

from django_tasks import task

from MiniTwit.moderation import batch_worker


@task()
def run_batch(batch_id: int) -> None:
    batch_worker.run(batch_id)
