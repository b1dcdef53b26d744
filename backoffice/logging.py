"""What goes into the log, and how much of it."""

import logging


class OneLineForRefusals(logging.Filter):
    """A page that was refused or is not there is no fault of the program: its log line needs no traceback.

    Neither does one for which the database or a disk had no answer; `refusals.server_error` has said why.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        status = getattr(record, "status_code", 0)
        if 400 <= status < 500 or status in (503, 507):
            record.exc_info = None
        return True
