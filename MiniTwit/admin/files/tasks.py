"""The import of files in the background: what `manage.py db_worker` executes."""

from django_tasks import task

from MiniTwit.admin.files import import_steps


@task()
def run_file_import(import_id: int) -> None:
    import_steps.run(import_id)
