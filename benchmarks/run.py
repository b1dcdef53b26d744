"""What `make bench` runs: the whole import of an old database of any size, beside other programs that could do it.

    python -m benchmarks.run --users 100000 --messages 3000000 --follows 1000000

Everything happens in throw-away databases on the configured server. The product is measured through its own command
line, preview and confirmed import in one go, and its verification besides.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks import pgloader
from benchmarks.generate import Size, add_size_arguments, database_of
from benchmarks.processes import Measured, durations_of_latest_run, manage, run_in_product, throwaway_database

DATABASE = "minitwit_benchmark"
STOCK_ROWS = 3_000
MEGABYTE = 1024 * 1024

LEAST_RATIO = 100
MOST_MEMORY = 150 * MEGABYTE
SAME_MEMORY = 0.1  # of the smaller: how far the two peaks may lie apart and still be the same


@dataclass(frozen=True)
class Step:
    """One line of the table. `peak_memory` is in bytes, of the working process."""

    name: str
    rows: int
    seconds: float
    peak_memory: int | None = None

    @property
    def rows_per_second(self) -> float:
        return self.rows / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Requirement:
    """What is required, what was measured, and whether that is enough; None where it was not measured."""

    text: str
    measured: str
    met: bool | None


class Benchmark:
    """All measurements of one run, in order."""

    def __init__(self, size: Size, values: str) -> None:
        self.size = size
        self.values = values
        self.steps: dict[str, Step] = {}
        # What import-export would need to import every row, without a preview.
        self.stock_seconds = 0.0

    def add(self, name: str, rows: int, seconds: float, peak_memory: int | None = None) -> None:
        self.steps[name] = Step(name, rows, seconds, peak_memory)
        print(f"  {name}: {seconds:,.1f} s", file=sys.stderr)

    def measure(self, *, with_pgloader: bool) -> None:
        """Take every measurement; pgloader's before and after the import, because a machine's speed changes."""
        source = database_of(self.size, self.values)
        if with_pgloader:
            self.measure_pgloader("before", source)
        with throwaway_database(DATABASE):
            manage(DATABASE, "migrate", "--verbosity", "0")
            self.import_users_and_messages("", self.size, source, stock=True)
            verified = manage(DATABASE, "verify_legacy", "--source", str(source))
            self.add("verify_legacy", self.size.rows, verified.seconds, verified.peak_memory)
        if with_pgloader:
            self.measure_pgloader("after", source)
        tenth = self.size.divided(10)
        with throwaway_database(DATABASE):
            manage(DATABASE, "migrate", "--verbosity", "0")
            self.import_users_and_messages(", a tenth", tenth, database_of(tenth, self.values), stock=False)

    def measure_pgloader(self, when: str, source: Path) -> None:
        """Measure pgloader's copy of the same old database."""
        copied = pgloader.copy(source)
        self.add(f"pgloader, bare copy, {when}", self.size.rows, copied.seconds, copied.peak_memory)

    def import_users_and_messages(self, suffix: str, size: Size, source: Path, *, stock: bool) -> None:
        """Preview and import users, then messages and follows; before each, a sample of it with import-export."""
        if stock:
            self.import_sample("user", size.users, source)
        self.import_kind("users", suffix, size.users, source)
        if stock:
            # The estimate takes follows to be as fast as messages; in truth they are slower.
            self.import_sample("message", size.messages + size.follows, source)
        self.import_kind("messages", suffix, size.messages + size.follows, source)

    def import_kind(self, kind: str, suffix: str, rows: int, source: Path) -> None:
        """Measure preview and import, which the command does in one go, and say how long the preview took of it."""
        whole = manage(DATABASE, "import_legacy", kind, "--source", str(source), "--json")
        check_all_new(whole)
        durations = durations_of_latest_run(DATABASE)
        # When everything is imported, the command goes on to build the search index and to verify what it wrote.
        indexing, verifying = durations.get("indexing", 0.0), durations.get("verifying", 0.0)
        self.add(f"{kind}, preview and import{suffix}", rows, whole.seconds - indexing - verifying, whole.peak_memory)
        self.add(f"{kind}, of this the preview{suffix}", rows, durations["staging"])
        self.add(f"{kind}, search index{suffix}", rows, indexing)
        self.add(f"{kind}, verification{suffix}", rows, verifying)

    def import_sample(self, table: str, rows: int, source: Path) -> None:
        """Measure import-export on the first rows of a table, and estimate the time for `rows` of them."""
        measured = run_in_product(DATABASE, "-m", "benchmarks.stock", table, str(source), "--rows", str(STOCK_ROWS))
        sample = json.loads(measured.output.splitlines()[-1])
        self.add(f"import-export, {table}, preview", sample["rows"], sample["preview"])
        self.add(f"import-export, {table}, import", sample["rows"], sample["import"], measured.peak_memory)
        self.stock_seconds += sample["import"] / sample["rows"] * rows

    def whole(self, suffix: str = "") -> Step:
        """Return preview and import of everything as one step."""
        steps = [self.steps[f"{kind}, preview and import{suffix}"] for kind in ("users", "messages")]
        return Step(
            f"everything, preview and import{suffix}",
            sum(step.rows for step in steps),
            sum(step.seconds for step in steps),
            max(step.peak_memory or 0 for step in steps),
        )

    def requirements(self) -> Iterator[Requirement]:
        whole, tenth = self.whole(), self.whole(", a tenth")
        ratio = self.stock_seconds / whole.seconds
        yield Requirement(
            f"preview and import at least {LEAST_RATIO} times as fast as import-export's import alone",
            f"{ratio:,.0f} times ({self.stock_seconds / 60:,.0f} min against {whole.seconds:,.1f} s)",
            ratio >= LEAST_RATIO,
        )
        copies = [step.seconds for name, step in self.steps.items() if name.startswith("pgloader")]
        copy = fmean(copies) if copies else None
        yield Requirement(
            "preview and import no slower than pgloader's bare copy",
            f"{whole.seconds:,.1f} s against {copy:,.1f} s on average" if copy else "pgloader was not measured",
            whole.seconds <= copy if copy else None,
        )
        peak, peak_of_tenth = whole.peak_memory or 0, tenth.peak_memory or 0
        yield Requirement(
            f"peak memory under {MOST_MEMORY // MEGABYTE} MB, and the same at a tenth of the size",
            f"{peak / MEGABYTE:,.0f} MB, and {peak_of_tenth / MEGABYTE:,.0f} MB at a tenth",
            peak < MOST_MEMORY and abs(peak - peak_of_tenth) <= SAME_MEMORY * min(peak, peak_of_tenth),
        )


def check_all_new(measured: Measured) -> None:
    """Raise unless every row was written: only then a figure counts."""
    account = json.loads(measured.output.splitlines()[-1])
    for table, counts in account["tables"].items():
        if account["state"] != "applied" or counts["new"] != counts["read"]:
            raise RuntimeError(f"The import did not bring every row of {table}: {measured.output}")


def as_text(benchmark: Benchmark) -> str:
    """Return the table of all steps, and the requirements."""
    whole = benchmark.whole()
    lines = [f"{'step':38}{'rows':>11}{'seconds':>10}{'rows/s':>10}{'ratio':>8}{'peak MB':>9}"]
    for step in [*benchmark.steps.values(), whole]:
        memory = f"{step.peak_memory / MEGABYTE:,.0f}" if step.peak_memory else ""
        ratio = step.rows_per_second / whole.rows_per_second
        lines.append(
            f"{step.name:38}{step.rows:>11,}{step.seconds:>10,.2f}{step.rows_per_second:>10,.0f}{ratio:>8.3f}{memory:>9}"
        )
    lines += ["", "ratio: rows per second, against preview and import of everything", ""]
    for requirement in benchmark.requirements():
        outcome = {True: "yes", False: "NO", None: "not measured"}[requirement.met]
        lines.append(f"{outcome:4} {requirement.text}: {requirement.measured}")
    return "\n".join(lines)


def as_json(benchmark: Benchmark) -> dict[str, Any]:
    steps = [*benchmark.steps.values(), benchmark.whole()]
    return {
        "size": asdict(benchmark.size),
        "values": benchmark.values,
        "steps": [asdict(step) | {"rows_per_second": step.rows_per_second} for step in steps],
        "stock_seconds_for_all": benchmark.stock_seconds,
        "requirements": [asdict(requirement) for requirement in benchmark.requirements()],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the import of an old database.")
    add_size_arguments(parser)
    parser.add_argument("--skip-pgloader", action="store_true", help="do not measure pgloader's bare copy")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    options = parser.parse_args()
    try:
        benchmark = Benchmark(Size(options.users, options.messages, options.follows), options.values)
        benchmark.measure(with_pgloader=pgloader.is_installed() and not options.skip_pgloader)
    except (RuntimeError, ValueError) as error:
        parser.exit(2, f"{error}\n")
    print(json.dumps(as_json(benchmark)) if options.json else as_text(benchmark))
    # Fails when a requirement was measured and not met.
    parser.exit(int(any(requirement.met is False for requirement in benchmark.requirements())))


if __name__ == "__main__":
    main()
