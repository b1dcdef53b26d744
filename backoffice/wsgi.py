"""The entry point for web servers: `gunicorn backoffice.wsgi`."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")
application = get_wsgi_application()

from backoffice.checks import refuse_to_serve_what_is_broken  # noqa: E402 -- needs the settings

refuse_to_serve_what_is_broken()

# What the program itself consists of stays for good: no page waits while Python's collector looks through all of it.
gc.freeze()
