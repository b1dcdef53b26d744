"""pgloader's bare copy of the three old tables: no checks, no users, no constraints to speak of."""

import shutil
import tempfile
from pathlib import Path

from benchmarks.processes import Measured, run_measured, server_url, throwaway_database

# The old schema's type `string` is unknown to it.
COMMAND_FILE = """
LOAD DATABASE FROM sqlite://{source} INTO {target}
WITH include drop, create tables, create indexes, reset sequences
CAST type string to text;
"""


def is_installed() -> bool:
    return shutil.which("pgloader") is not None


def copy(source: Path) -> Measured:
    """Copy an old database into a throw-away database."""
    with throwaway_database("minitwit_benchmark_pgloader") as name:
        return load(source, name)


def load(source: Path, database: str) -> Measured:
    """Copy an old database into an empty database on the configured server."""
    with tempfile.TemporaryDirectory() as folder:
        commands = Path(folder) / "copy.load"
        commands.write_text(COMMAND_FILE.format(source=source, target=server_url(database, socket_prefix="unix:")))
        measured = run_measured(["pgloader", "--on-error-stop", str(commands)])
    if "ERROR" in measured.output:
        raise RuntimeError(f"pgloader did not copy everything:\n{measured.output}")
    return measured
