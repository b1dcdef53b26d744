"""A chart of stacked bars, one for each day, as SVG that needs no script; its numbers follow as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

WIDTH, HEIGHT = 720, 150
GAP = 0.25  # of the room of a bar


@dataclass(frozen=True)
class Segment:
    """A rectangle of a bar, in the chart's own units; `series` counts from 1."""

    x: float
    y: float
    width: float
    height: float
    series: int
    title: str


@dataclass(frozen=True)
class Chart:
    """Attributes:
    title: what the bars count.
    names: of the series, from the foot of a bar to its top.
    days: one for each bar. numbers: of each day, those of the series.
    """

    title: str
    names: Sequence[str]
    days: Sequence[date]
    numbers: Sequence[Sequence[int]]

    @classmethod
    def of(cls, title: str, days: Sequence[date], series: Mapping[str, Mapping[date, int]]) -> "Chart":
        numbers = [[counts.get(day, 0) for counts in series.values()] for day in days]
        return cls(title, list(series), days, numbers)

    @property
    def highest(self) -> int:
        return max(map(sum, self.numbers), default=0)

    @property
    def total(self) -> int:
        return sum(map(sum, self.numbers))

    @property
    def last_day(self) -> date:
        return self.days[-1]

    @property
    def rows(self) -> list[tuple[date, Sequence[int]]]:
        """The table, newest day first, without the days on which nothing was."""
        return [(day, numbers) for day, numbers in zip(self.days, self.numbers, strict=True) if any(numbers)][::-1]

    def segments(self) -> list[Segment]:
        """The rectangles of all bars, those of a day from its foot upwards."""
        room = WIDTH / max(len(self.days), 1)
        found = []
        for place, (day, numbers) in enumerate(zip(self.days, self.numbers, strict=True)):
            foot = float(HEIGHT)
            for series, number in enumerate(numbers, 1):
                if not number:
                    continue
                height = number / self.highest * HEIGHT
                foot -= height
                title = f"{day:%-d %b}: {number:,} {self.names[series - 1].lower()}"
                x, width = room * (place + GAP / 2), room * (1 - GAP)
                found.append(Segment(round(x, 1), round(foot, 1), round(width, 1), round(height, 1), series, title))
        return found
