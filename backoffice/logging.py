"""Which records go into the log, and with how much detail."""

import logging


class OneLineForRefusals(logging.Filter):
    """Drop the traceback of a page that was refused or does not exist: the program has no fault then.

    The same holds where the database or a disk refused; `refusals.server_error` has logged why.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        status = getattr(record, "status_code", 0)
        if 400 <= status < 500 or status in (503, 507):
            record.exc_info = None
        return True
