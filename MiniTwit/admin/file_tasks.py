"""The import of files in the background: what `manage.py db_worker` executes."""

from django_tasks import task

from MiniTwit.admin import file_work


@task()
def run_file_import(import_id: int) -> None:
    file_work.run(import_id)
