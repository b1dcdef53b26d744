"""The product's settings as a developer's checkout has them, whatever the shell of the moment says."""

import os

os.environ.setdefault("DEBUG", "1")
os.environ.pop("LEGACY_DATABASE_URL", None)
os.environ.setdefault("HARDEN_AFTER_IMPORT", "0")  # hundreds of slow hashes: one test asks for them

from backoffice.settings import *  # noqa: F403
