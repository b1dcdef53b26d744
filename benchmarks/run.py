"""What `make bench` runs: the whole import of an old database of any size, beside other ways to do it.

    python -m benchmarks.run --users 100000 --messages 3000000 --follows 1000000

Everything happens in throw-away databases on the configured server. The product is measured through its own command
line, from the file to the day's work: preview, confirmed import, search indexes and verification. It takes turns with
the script of an administrator, whose first step is pgloader's copy, because a machine's speed changes.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import administrator, again, pgloader
from benchmarks.generate import Size, add_size_arguments, database_of
from benchmarks.processes import Measured, durations_of_latest_run, manage, run_in_product, throwaway_database

DATABASE = "minitwit_benchmark"
STOCK_ROWS = 3_000
MEGABYTE = 1024 * 1024

LEAST_RATIO = 100
MOST_OF_SCRIPT = 0.5
MOST_OF_FIRST = {
    "messages again, nothing new": 0.4,
    "messages again, a hundredth new or changed": 0.5,
    "undo of the first import of messages": 0.5,
}
MOST_MEMORY = 150 * MEGABYTE
SAME_MEMORY = 0.1  # of the smaller: how far the two peaks may lie apart and still be the same


@dataclass
class Step:
    """One line of the table: the seconds of each time it was measured. `peak_memory` is in bytes, of one process."""

    name: str
    rows: int
    times: list[float] = field(default_factory=list)
    peak_memory: int | None = None

    @property
    def seconds(self) -> float:
        return median(self.times)

    @property
    def rows_per_second(self) -> float:
        return self.rows / self.seconds if self.seconds else 0.0

    def ratio_to(self, other: "Step") -> float:
        """The median of the ratios of the times that were measured in turns."""
        return median(own / others for own, others in zip(self.times, other.times, strict=True))


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
        step = self.steps.setdefault(name, Step(name, rows))
        step.times.append(seconds)
        step.peak_memory = max(step.peak_memory or 0, peak_memory or 0) or None
        print(f"  {name}: {seconds:,.1f} s", file=sys.stderr)

    def measure(self, times: int, *, with_pgloader: bool) -> None:
        """Take every measurement: the two ways so many times in turns, all else once."""
        source = database_of(self.size, self.values)
        for time in range(times):
            if with_pgloader:
                self.measure_administrator(source, with_floor=time == times - 1)
            with throwaway_database(DATABASE):
                manage(DATABASE, "migrate", "--verbosity", "0")
                self.import_users_and_messages("", self.size, source, stock=time == 0)
                if time == times - 1:
                    self.import_again(source)
        tenth = self.size.divided(10)
        with throwaway_database(DATABASE):
            manage(DATABASE, "migrate", "--verbosity", "0")
            self.import_users_and_messages(", a tenth", tenth, database_of(tenth, self.values), stock=False)

    def measure_administrator(self, source: Path, *, with_floor: bool) -> None:
        """Measure the script of an administrator, and what PostgreSQL needs for the same tables in any case."""
        with administrator.brought_over(source) as seconds:
            for name, value in seconds.items():
                self.add(f"administrator, {name}", self.size.rows, value)
            self.add("administrator, everything", self.size.rows, sum(seconds.values()))
            if with_floor:
                for name, value in (floor := administrator.copied_again()).items():
                    self.add(f"floor, {name}", self.size.rows, value)
                self.add("floor, everything", self.size.rows, sum(floor.values()))

    def import_users_and_messages(self, suffix: str, size: Size, source: Path, *, stock: bool) -> None:
        """Import users, then messages and follows; before each, a sample of it with import-export."""
        if stock:
            self.import_sample("user", size.users, source)
        self.import_kind("users", suffix, size.users, source)
        if stock:
            # The estimate takes follows to be as fast as messages; in truth they are slower.
            self.import_sample("message", size.messages + size.follows, source)
        self.import_kind("messages", suffix, size.messages + size.follows, source)
        for part, name in (("preview and import", "preview and import of everything"), ("everything", "everything")):
            steps = [self.steps[f"{kind}, {part}{suffix}"] for kind in ("users", "messages")]
            memory = max(step.peak_memory or 0 for step in steps)
            self.add(f"{name}{suffix}", size.rows, sum(step.times[-1] for step in steps), memory)

    def import_kind(self, kind: str, suffix: str, rows: int, source: Path) -> None:
        """Measure one import by the command, which does all at one go: until all is written, and to its end."""
        whole = manage(DATABASE, "import_legacy", kind, "--source", str(source), "--json")
        check_all_new(whole)
        durations = durations_of_latest_run(DATABASE)
        written = whole.seconds - durations["completing"]
        self.add(f"{kind}, preview and import{suffix}", rows, written, whole.peak_memory)
        self.add(f"{kind}, of this the preview{suffix}", rows, durations["staging"])
        self.add(f"{kind}, search index{suffix}", rows, durations["indexing"])
        self.add(f"{kind}, verification meanwhile{suffix}", rows, durations["verifying"])
        self.add(f"{kind}, everything{suffix}", rows, whole.seconds, whole.peak_memory)

    def import_again(self, source: Path) -> None:
        """Measure further imports into the same tables, and undo of those of messages, the newest first."""
        rows, messages = self.size.messages + self.size.follows, self.size.messages
        brought = {}
        for name, path in (("nothing new", source), ("a hundredth new or changed", again.changed(source))):
            for kind in ("users", "messages"):
                whole = manage(
                    DATABASE, "import_legacy", kind, "--source", str(path), "--existing", "update", "--json"
                )
                self.add(f"{kind} again, {name}", rows, whole.seconds, whole.peak_memory)
            counts = json.loads(whole.output.splitlines()[-1])["tables"]["message"]
            brought[name] = counts["new"], counts["changed"]
        check_equal("further imports brought", brought["nothing new"], (0, 0))
        check_equal("further imports brought", brought["a hundredth new or changed"], again.expected(messages))
        for name, removed in (
            ("a hundredth", brought["a hundredth new or changed"][0]),
            ("nothing", 0),
            ("the first import of messages", messages),
        ):
            undone = run_in_product(DATABASE, "-m", "benchmarks.again")
            check_equal("undo took out", json.loads(undone.output.splitlines()[-1])["message"]["removed"], removed)
            self.add(f"undo of {name}", rows, undone.seconds, undone.peak_memory)

    def import_sample(self, table: str, rows: int, source: Path) -> None:
        """Measure import-export on the first rows of a table, and estimate the time for `rows` of them."""
        measured = run_in_product(DATABASE, "-m", "benchmarks.stock", table, str(source), "--rows", str(STOCK_ROWS))
        sample = json.loads(measured.output.splitlines()[-1])
        self.add(f"import-export, {table}, preview", sample["rows"], sample["preview"])
        self.add(f"import-export, {table}, import", sample["rows"], sample["import"], measured.peak_memory)
        self.stock_seconds += sample["import"] / sample["rows"] * rows

    def requirements(self) -> Iterator[Requirement]:
        written, tenth = (self.steps[f"preview and import of everything{suffix}"] for suffix in ("", ", a tenth"))
        ratio = self.stock_seconds / written.seconds
        yield Requirement(
            f"preview and import at least {LEAST_RATIO} times as fast as import-export's import alone",
            f"{ratio:,.0f} times ({self.stock_seconds / 60:,.0f} min against {written.seconds:,.1f} s)",
            ratio >= LEAST_RATIO,
        )
        yield self.compared(
            "preview and import no slower than pgloader's bare copy", written, "administrator, pgloader", 1.0
        )
        yield self.compared(
            f"from the file to the day's work in {MOST_OF_SCRIPT} times the time of the administrator's script",
            self.steps["everything"],
            "administrator, everything",
            MOST_OF_SCRIPT,
        )
        first = self.steps["messages, everything"].seconds
        for name, most in MOST_OF_FIRST.items():
            seconds = self.steps[name].seconds
            yield Requirement(
                f"{name}: at most {most} times the first import",
                f"{seconds / first:.2f} times ({seconds:,.1f} s against {first:,.1f} s)",
                seconds <= most * first,
            )
        peak, peak_of_tenth = written.peak_memory or 0, tenth.peak_memory or 0
        yield Requirement(
            f"peak memory under {MOST_MEMORY // MEGABYTE} MB, and the same at a tenth of the size",
            f"{peak / MEGABYTE:,.0f} MB, and {peak_of_tenth / MEGABYTE:,.0f} MB at a tenth",
            peak < MOST_MEMORY and abs(peak - peak_of_tenth) <= SAME_MEMORY * min(peak, peak_of_tenth),
        )

    def compared(self, text: str, own: Step, name: str, most: float) -> Requirement:
        """A requirement about the ratio to another step, which was measured if pgloader is there."""
        if name not in self.steps:
            return Requirement(text, "pgloader was not there", None)
        other = self.steps[name]
        ratio = own.ratio_to(other)
        measured = f"{ratio:.2f} times, median of {len(own.times)} ({own.seconds:,.1f} s, {other.seconds:,.1f} s)"
        return Requirement(text, measured, ratio <= most)


def check_all_new(measured: Measured) -> None:
    """Raise unless every row was written: only then a figure counts."""
    account = json.loads(measured.output.splitlines()[-1])
    for table, counts in account["tables"].items():
        if account["state"] != "applied" or counts["new"] != counts["read"]:
            raise RuntimeError(f"The import did not bring every row of {table}: {measured.output}")


def check_equal(what: str, measured: object, expected: object) -> None:
    """Raise unless the work that was measured was the work that was meant."""
    if measured != expected:
        raise RuntimeError(f"{what} {measured} and not {expected}")


def as_text(benchmark: Benchmark) -> str:
    """Return the table of all steps, and the requirements."""
    lines = [f"{'step':46}{'rows':>11}{'seconds':>10}{'fastest':>10}{'slowest':>10}{'rows/s':>10}{'peak MB':>9}"]
    for step in benchmark.steps.values():
        memory = f"{step.peak_memory / MEGABYTE:,.0f}" if step.peak_memory else ""
        lines.append(
            f"{step.name:46}{step.rows:>11,}{step.seconds:>10,.2f}{min(step.times):>10,.2f}{max(step.times):>10,.2f}"
            f"{step.rows_per_second:>10,.0f}{memory:>9}"
        )
    lines += ["", "seconds: the median of all times", ""]
    for requirement in benchmark.requirements():
        outcome = {True: "yes", False: "NO", None: "not measured"}[requirement.met]
        lines.append(f"{outcome:4} {requirement.text}: {requirement.measured}")
    return "\n".join(lines)


def as_json(benchmark: Benchmark) -> dict[str, Any]:
    return {
        "size": asdict(benchmark.size),
        "values": benchmark.values,
        "steps": [
            asdict(step) | {"seconds": step.seconds, "rows_per_second": step.rows_per_second}
            for step in benchmark.steps.values()
        ],
        "stock_seconds_for_all": benchmark.stock_seconds,
        "requirements": [asdict(requirement) for requirement in benchmark.requirements()],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the import of an old database.")
    add_size_arguments(parser)
    parser.add_argument("--times", type=int, default=5, help="how often the two ways are measured (default: 5)")
    parser.add_argument("--skip-pgloader", action="store_true", help="do not measure the administrator's script")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    options = parser.parse_args()
    try:
        benchmark = Benchmark(Size(options.users, options.messages, options.follows), options.values)
        benchmark.measure(options.times, with_pgloader=pgloader.is_installed() and not options.skip_pgloader)
    except (RuntimeError, ValueError) as error:
        parser.exit(2, f"{error}\n")
    print(json.dumps(as_json(benchmark)) if options.json else as_text(benchmark))
    # Fails when a requirement was measured and not met.
    parser.exit(int(any(requirement.met is False for requirement in benchmark.requirements())))


if __name__ == "__main__":
    main()
