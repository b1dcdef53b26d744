"""Several at once, as the processes of a site are."""

import threading
from collections.abc import Callable
from typing import Any

from django.db import connections


def at_the_same_time(*strands: Callable[[], Any]) -> None:
    """Run the strands side by side, each with a connection of its own; the first error of any is raised."""
    begin = threading.Barrier(len(strands))
    errors: list[BaseException] = []

    def run(strand: Callable[[], Any]) -> None:
        try:
            begin.wait()
            strand()
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[strand]) for strand in strands]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
