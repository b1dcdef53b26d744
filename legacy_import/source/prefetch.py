"""Read ahead in a thread, so that the reader and the one who waits for it keep two processors busy."""

import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

T = TypeVar("T")

READ_AHEAD = 4  # items, each of which may hold a value of the greatest length


def prefetched(items: Iterator[T]) -> Generator[T, None, None]:
    """Iterate over the same items, made in a thread of their own. The caller gets the errors of that thread."""
    ready: queue.Queue[tuple[bool, T | BaseException | None]] = queue.Queue(READ_AHEAD)
    stopped = threading.Event()

    def put(entry: tuple[bool, T | BaseException | None]) -> bool:
        while not stopped.is_set():
            try:
                ready.put(entry, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def produce() -> None:
        try:
            for item in items:
                if not put((True, item)):
                    return
        except BaseException as error:
            put((False, error))
        else:
            put((False, None))

    thread = threading.Thread(target=produce, name="reading the old database", daemon=True)
    thread.start()
    try:
        while True:
            more, entry = ready.get()
            if more:
                yield entry  # type: ignore[misc]
            elif isinstance(entry, BaseException):
                raise entry
            else:
                return
    finally:
        stopped.set()
        thread.join()
