"""Draw what `make bench` measured: the seconds from an old file to the day's work, in three bars.

    python -m benchmarks.run --json > measured.json
    python -m benchmarks.chart measured.json > docs/figures.svg

Colours mean the same in each bar.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT = 860, 20, 20
BAR, GAP, TITLE, KEY = 30, 22, 22, 20  # heights
NUMBER = 30  # the width of one
BLUE, LIGHT_BLUE, ORANGE, PURPLE, GREEN = "#2f6690", "#81b1d5", "#d98e04", "#8a5a83", "#5b8c5a"
FILLS = {
    "pgloader": BLUE,
    "COPY": BLUE,
    "preview": BLUE,
    "SQL into the new tables": LIGHT_BLUE,
    "import, indexes and keys": LIGHT_BLUE,
    "indexes and keys": ORANGE,
    "search indexes beside verification": ORANGE,
    "foreign keys": PURPLE,
    "EXCEPT as verification": GREEN,
}
STYLE = "text { font: 13px sans-serif; fill: #222 } .title { font-weight: bold } .in { fill: #fff }"

Part = tuple[str, float]  # what takes how many seconds


def bars(seconds: dict[str, float]) -> Iterator[tuple[str, list[Part]]]:
    """Give each bar: its title with the seconds of the whole, and its parts. (Medians of parts do not add up to it.)

    Args:
        seconds: the medians, by the name of the step.
    """
    for way, title in (("administrator", "An administrator's script"), ("floor", "COPY of finished lines")):
        parts = {name.removeprefix(f"{way}, "): value for name, value in seconds.items() if name.startswith(way)}
        if parts:
            whole = parts.pop("everything")
            yield f"{title}: {whole:.0f} s", list(parts.items())
    preview = sum(seconds[f"{kind}, of this the preview"] for kind in ("users", "messages"))
    written, ready = seconds["preview and import of everything"], seconds["everything"]
    yield (
        f"The product: {ready:.0f} s",
        [
            ("preview", preview),
            ("import, indexes and keys", written - preview),
            ("search indexes beside verification", ready - written),
        ],
    )


def drawn(seconds: dict[str, float]) -> str:
    """Return the picture as SVG."""
    drawings = list(bars(seconds))
    longest = max(sum(value for _, value in parts) for _, parts in drawings)
    scale = (WIDTH - LEFT - RIGHT) / longest
    height = GAP + len(drawings) * (TITLE + BAR + KEY + GAP)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>Seconds from an old file to the day's work</title><style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
    ]
    top = GAP
    for title, parts in drawings:
        lines += bar(title, parts, top, scale)
        top += TITLE + BAR + KEY + GAP
    return "\n".join([*lines, "</svg>"])


def bar(title: str, parts: list[Part], top: int, scale: float) -> Iterator[str]:
    """Draw one bar: its title, its parts with their seconds, and what they are called."""
    yield f'<text class="title" x="{LEFT}" y="{top + 12}">{escape(title)}</text>'
    left, words_left = float(LEFT), LEFT
    for name, value in parts:
        fill, width = FILLS[name], value * scale
        yield f'<rect x="{left:.1f}" y="{top + TITLE}" width="{width:.1f}" height="{BAR}" fill="{fill}"/>'
        if width > NUMBER:
            yield f'<text class="in" x="{left + 6:.1f}" y="{top + TITLE + 20}">{value:.0f}</text>'
        below = top + TITLE + BAR
        yield f'<rect x="{words_left}" y="{below + 7}" width="10" height="10" fill="{fill}"/>'
        yield f'<text x="{words_left + 14}" y="{below + 16}">{escape(name)}</text>'
        left += width
        words_left += 30 + 7 * len(name)


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw what the benchmark measured, as SVG.")
    parser.add_argument("measured", type=Path, help="what `python -m benchmarks.run --json` printed")
    steps = json.loads(parser.parse_args().measured.read_text())["steps"]
    print(drawn({step["name"]: step["seconds"] for step in steps}))


if __name__ == "__main__":
    main()
