"""What the stories of the admin's pages share."""

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def kept_uploads(settings: Any, tmp_path: Path) -> Path:
    """Where files are kept between their preview and its confirmation."""
    settings.VAR_DIR = tmp_path
    return tmp_path / "file_import"
