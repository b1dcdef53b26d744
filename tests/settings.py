"""The product's settings as a developer's checkout has them, whatever the shell of the moment says."""

import os
import sys
from pathlib import Path

os.environ.setdefault("DEBUG", "1")
os.environ.pop("LEGACY_DATABASE_URL", None)
os.environ.setdefault("HARDEN_AFTER_IMPORT", "0")  # hundreds of slow hashes: one test asks for them

# The tests have a folder of their own, with a server of their own. What they start is told where it works.
folder = Path(os.environ.get("VAR_DIR") or Path(__file__).parents[1] / "var")
if "pytest" in sys.modules and folder.name != "tests":
    folder.mkdir(mode=0o700, exist_ok=True)
    os.environ["VAR_DIR"] = str(folder / "tests")

from backoffice.settings import *  # noqa: F403, E402
