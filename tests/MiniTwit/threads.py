"""Several at once, as the processes of a site are."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections


@contextmanager
def in_threads(*works: Callable[[], Any]) -> Iterator[None]:
    """Run what is given beside the body, each with a connection of its own; the first error of any is raised."""
    errors: list[BaseException] = []

    def run(work: Callable[[], Any]) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    if errors:
        raise errors[0]


def at_the_same_time(*strands: Callable[[], Any]) -> None:
    """Run the strands side by side; all of them begin together."""
    begin = threading.Barrier(len(strands))

    def begun(strand: Callable[[], Any]) -> Callable[[], None]:
        def run() -> None:
            begin.wait()
            strand()

        return run

    with in_threads(*map(begun, strands)):
        pass
