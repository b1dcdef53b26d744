"""What the tests of the running site share."""

import os
import pwd
import subprocess
import sys
import sysconfig
from typing import Any

import pytest


@pytest.fixture(scope="session")
def as_nobody() -> dict[str, Any]:
    """How to start a process as an ordinary account beside ours: options of Popen, and `python`."""
    if os.geteuid() != 0:
        pytest.skip("Only root can work as another account; this run itself shows the ordinary user's case.")
    account = pwd.getpwnam("nobody")
    options = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    # A Python under /root is closed to others; the system's own can borrow its packages.
    system_python = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    environment = os.environ | {"PYTHONPATH": sysconfig.get_path("purelib")}
    for python in (sys.executable, system_python):
        try:
            subprocess.run([python, "-c", "import django"], env=environment, check=True, **options)
        except (PermissionError, FileNotFoundError):
            continue
        return {**options, "python": python, "env": environment}
    pytest.skip(f"The account nobody may not run {sys.executable}, and {system_python} is not there.")
