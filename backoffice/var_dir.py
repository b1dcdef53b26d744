"""VAR_DIR, the folder that the back office keeps its own files in."""

import os
import pwd
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from MiniTwit.storage.private_files import make_private_folder, write_private_file_once


def prepare(path: Path) -> Path:
    """Make the folder, for this account alone, unless it exists.

    Raises:
        ImproperlyConfigured: it cannot be made, or is something else.
    """
    try:
        if not path.exists():
            if not path.parent.is_dir():
                raise ImproperlyConfigured(
                    f"VAR_DIR is {path}, but the folder {path.parent} does not exist. Create it, or name another."
                )
            make_private_folder(path)
        elif not path.is_dir():
            raise ImproperlyConfigured(f"VAR_DIR is {path}, which is a file. Name a folder.")
    except OSError as error:
        raise ImproperlyConfigured(
            f"VAR_DIR is {path}, which the account {account()} cannot use: {error.strerror}. Create the folder and "
            "give it to that account, or name another folder."
        ) from error
    return path


def fault_of(path: Path) -> str:
    """Say in a sentence why this account cannot keep its files in the folder; nothing if it can."""
    if os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return ""
    return (
        f"VAR_DIR is {path}, and the account {account()} may not write to it. Uploads and snapshots need it. Give "
        "the folder to that account, or name another folder."
    )


def secret_key(var_dir: Path) -> str:
    """The site's key, which is made once and which this account alone can read.

    Raises:
        ImproperlyConfigured: it can be neither read nor made.
    """
    path = var_dir / "secret_key"
    try:
        if not path.exists():
            write_private_file_once(path, secrets.token_urlsafe(64))
        key = path.read_text().strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ImproperlyConfigured(
            f"The account {account()} can neither read nor make {path}: {reason}. Give the folder {var_dir} to that "
            "account, name another folder in VAR_DIR, or set SECRET_KEY."
        ) from error
    if not key:
        raise ImproperlyConfigured(
            f"{path} is empty. Put the site's key back into it from a backup, or remove it: a new key signs all "
            "staff out."
        )
    return key


def account() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # an account that has a number only, as in many containers
        return str(os.geteuid())
