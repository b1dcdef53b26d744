"""The web server. `gunicorn backoffice.wsgi` reads this file, and so does `make demo`.

An export of a whole table and the upload of an old database take minutes. With threads the process reports that it is
alive while they work or wait for a slow client. A synchronous worker would be ended after its timeout.
"""

import os
import sys
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from backoffice import environment

try:
    bind = environment.text("WEB_BIND", default="127.0.0.1:8000")
    workers = environment.whole_number("WEB_WORKERS", default=2, least=1, most=1000)
    threads = environment.whole_number("WEB_THREADS", default=8, least=1, most=1000)
    # How long a process may not answer its parent. The length of a request does not count.
    timeout = environment.whole_number("WEB_TIMEOUT_SECONDS", default=120, least=1)
    # What a restart leaves to the requests that are under way.
    graceful_timeout = environment.whole_number("WEB_GRACEFUL_SECONDS", default=120, least=1)
    networks = environment.trusted_proxies()
    prefix = environment.url_prefix("SCRIPT_NAME")
except ImproperlyConfigured as error:
    sys.exit(f"ImproperlyConfigured: {error}")

worker_class = "gthread"
# From these addresses gunicorn takes the header SCRIPT_NAME, too.
forwarded_allow_ips = ",".join(map(str, networks))
keepalive = 5
# Addresses carry filters and searches; 8,190 is the most that gunicorn takes.
limit_request_line = 8190
limit_request_fields = 100
limit_request_field_size = 8190
# A process touches a file to show that it is alive. On a slow disk it would seem dead.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 -- no name is guessed
control_socket_disable = True
loglevel = "warning"


def post_fork(_arbiter: Any, _worker: Any) -> None:
    """Load the application. If the operator has to correct something, print a sentence and do not start again."""
    try:
        import backoffice.wsgi  # noqa: F401
    except ImproperlyConfigured as error:
        sys.stderr.write(f"ImproperlyConfigured: {error}\n")
        sys.exit(3)  # gunicorn's code for a process that cannot be started


def pre_request(_worker: Any, request: Any) -> None:
    """Let a proxy strip the prefix of the site's addresses, or not; gunicorn refuses addresses without it."""
    if prefix and request.path != prefix and not request.path.startswith(f"{prefix}/"):
        request.path = prefix + request.path
