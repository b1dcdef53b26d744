"""Run the library's `db_worker` with this back office's worker, which outlives a restart of the database server."""

import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils.autoreload import DJANGO_AUTORELOAD_ENV, run_with_reloader
from django_tasks_db.management.commands import db_worker

from backoffice.worker_process import Worker


class Command(db_worker.Command):
    help = "Runs the background worker, which does the long work that the admin asks for."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        # A worker that is reloaded in the middle of an import would end it; developers ask for it.
        parser.set_defaults(reload=False)

    def handle(self, **options: Any) -> None:
        self.configure_logging(options["verbosity"])
        queues, excluded = options["queue_name"].split(","), options["exclude_queues"].split(",")
        excluded_queues = [name for name in excluded if name]
        if excluded_queues and "*" not in queues:
            raise CommandError("--exclude-queues can only be used with --queue-name=*")
        worker = Worker(
            queue_names=queues,
            excluded_queue_names=excluded_queues,
            **{
                name: options[name]
                for name in ("interval", "batch", "backend_name", "startup_delay", "max_tasks", "worker_id")
            },
        )
        if options["reload"] and not options["batch"]:
            if os.environ.get(DJANGO_AUTORELOAD_ENV) == "true":  # the process that does the work
                worker.configure_signals()
            run_with_reloader(worker.run)
        else:
            worker.configure_signals()
            worker.run()
