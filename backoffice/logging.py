"""What goes into the log, and how much of it."""

import logging


class OneLineForRefusals(logging.Filter):
    """A page that was refused or is not there is no fault of the program: its log line needs no traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        if 400 <= getattr(record, "status_code", 0) < 500:
            record.exc_info = None
        return True
