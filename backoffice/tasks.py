"""The back office's own work in the background."""

from django_tasks import task

from backoffice import pruning


@task()
def prune() -> None:
    """What `manage.py prune` does; a worker queues it every day."""
    pruning.prune()
