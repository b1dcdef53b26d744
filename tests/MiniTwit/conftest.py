"""What the stories of the admin's pages share."""

from pathlib import Path
from typing import Any

import pytest

from MiniTwit.database_folders import database_folder


@pytest.fixture
def kept_uploads(settings: Any, tmp_path: Path, db: None) -> Path:
    """Where files are kept between their preview and its confirmation."""
    settings.VAR_DIR = tmp_path
    return database_folder(tmp_path / "file_import")
