"""The worker: the process, `manage.py db_worker`, that executes the tasks of the queue.

It is the library's, which also survives a restart of the database and gives back the tasks of dead workers.
"""

import logging
import random
import time
from datetime import timedelta

from django.core.exceptions import ImproperlyConfigured
from django.db import close_old_connections, connections, transaction
from django.utils import timezone
from django_tasks import TaskResultStatus
from django_tasks_db.management.commands import db_worker
from django_tasks_db.models import DBTaskResult

from backoffice import tasks
from backoffice.database import revive_embedded_server
from legacy_import.runs import execution
from MiniTwit.admin.deciding.freezing import FREEZING_WORK
from MiniTwit.admin.files.import_worker import FILE_WORK
from MiniTwit.background.queue import give_back_lost_tasks, hold_lock_of_worker
from MiniTwit.database.failures import ERRORS, failure_kind, server_words
from MiniTwit.database.session_check import require_own_session
from MiniTwit.moderation.batch_worker import BATCH_WORK

LOOK_SECONDS = 30.0  # between two looks for lost tasks
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0  # seconds between two tries to reach the database
FIRST_PRUNING, PRUNE_EVERY = timedelta(minutes=10), timedelta(days=1)

logger = logging.getLogger(__name__)


class Worker(db_worker.Worker):
    """Executes one task after the other. While the database does not answer, it waits, however long that takes."""

    def run(self) -> None:
        self.pause = 0.0  # since when the last turn failed
        self.next_look = 0.0
        self.holds_lock = False
        if self.startup_delay and self.interval:
            time.sleep(random.random())  # noqa: S311 -- so that not all workers come at once
        goes_on = True
        while self.running and goes_on:
            try:
                goes_on = self.take_turn()
            except ERRORS as error:
                if failure_kind(error) is None:
                    raise
                self.wait_for_database(error)
            else:
                self.note_answer()

    def take_turn(self) -> bool:
        """Execute a task, or wait for one. Returns whether there may be another turn."""
        close_old_connections()
        if not self.holds_lock:
            require_own_session()  # in a pooler that shares sessions the lock would stay behind
            hold_lock_of_worker(self.worker_id)
            self.holds_lock = True
        self.look_after_tasks()
        if task := self.claim():
            self.run_task(task)
            close_old_connections()
        elif self.batch:
            return False
        else:
            time.sleep(self.interval)
        return self.max_tasks is None or self._run_tasks < self.max_tasks

    def claim(self) -> DBTaskResult | None:
        waiting = DBTaskResult.objects.ready().filter(backend_name=self.backend_name)
        if not self.process_all_queues:
            waiting = waiting.filter(queue_name__in=self.queue_names)
        if self.excluded_queue_names:
            waiting = waiting.exclude(queue_name__in=self.excluded_queue_names)
        with transaction.atomic():
            task = waiting.get_locked()
            if task is not None:
                task.claim(self.worker_id)
        return task

    def look_after_tasks(self) -> None:
        """At intervals: end or requeue the tasks of dead workers, and schedule pruning."""
        if time.monotonic() < self.next_look:
            return
        give_back_lost_tasks(self.worker_id)  # first: what waits for such a task is not lost
        execution.reconcile()
        BATCH_WORK.reconcile()
        FREEZING_WORK.reconcile()
        FILE_WORK.reconcile()
        schedule_pruning()
        self.next_look = time.monotonic() + LOOK_SECONDS

    def wait_for_database(self, error: Exception) -> None:
        """Log once what is wrong, and sleep before the next turn, each time longer."""
        if not self.pause:
            logger.error("The database does not answer (%s). The worker waits until it does.", server_words(error))
        self.pause = min(self.pause * 2 or FIRST_PAUSE, LONGEST_PAUSE)
        self.next_look = 0.0  # the task at hand may have been lost
        connections.close_all()
        time.sleep(self.pause)
        try:
            revive_embedded_server()
        except ImproperlyConfigured as refusal:
            logger.error("%s", refusal)

    def note_answer(self) -> None:
        if self.pause:
            logger.warning("The database answers again; the worker goes on.")
        self.pause = 0.0


def schedule_pruning() -> None:
    """Keep one pruning in the queue, due a day after the last."""
    prunings = DBTaskResult.objects.filter(task_path=tasks.prune.module_path)
    if prunings.filter(status__in=(TaskResultStatus.READY, TaskResultStatus.RUNNING)).exists():
        return
    pause = PRUNE_EVERY if prunings.exists() else FIRST_PRUNING
    tasks.prune.using(run_after=timezone.now() + pause).enqueue()
