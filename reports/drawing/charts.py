"""Charts of a report as PNG, for mails and PDF. On a white ground of their own: mail programs darken all else."""

from __future__ import annotations

import io
import threading
from typing import Any, Final

from console import formats
from reports.drawing import words
from reports.engine.content import Chart, Content

BRAND: Final = "#6d28d9"
PALE: Final = "#b9c0ca"
INK: Final = "#182433"
SOFT: Final = "#5b6878"
GRID: Final = "#e6e9ee"
WIDTH_IN: Final = 6.0
HEIGHT_IN: Final = 2.1
DPI: Final = 192
MOST_TICKS: Final = 8
_drawing = threading.Lock()
"""matplotlib keeps fonts and settings for all threads together."""


def png(chart: Chart, content: Content) -> bytes:
    """The chart as it is shown at 576 by about 200 pixels, at twice as many."""
    # Takes a second and 60 MB: workers that draw pay for it, nobody else.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with _drawing:
        figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), dpi=DPI, facecolor="#ffffff")
        axes = figure.add_axes((0.105, 0.16, 0.875, 0.66))
        _lines(axes, chart)
        _frame(axes, chart, content)
        figure.text(0.012, 0.985, chart.title, ha="left", va="top", fontsize=9.5, color=INK, weight="semibold")
        _legend(axes, chart)
        out = io.BytesIO()
        FigureCanvasAgg(figure)  # Draws what the figure saves.
        figure.savefig(out, format="png", dpi=DPI, metadata={"Software": "Breakwater"})
    return out.getvalue()


def alt(chart: Chart) -> str:
    """For who does not see it."""
    return f"Chart: {chart.title}. {chart.says}".strip()


def _lines(axes: Any, chart: Chart) -> None:
    places = range(len(chart.times))
    ordered = sorted(chart.lines, key=lambda line: not line.pale)
    width = 0.8 / max(1, len(ordered))
    for at, line in enumerate(ordered):
        values = [float("nan") if one is None else one for one in line.values]
        colour = PALE if line.pale else BRAND
        if chart.kind == "bars":
            offset = (at - (len(ordered) - 1) / 2) * width
            axes.bar([place + offset for place in places], values, width * 0.92, color=colour, label=line.label)
        else:
            axes.plot(
                places, values, color=colour, linewidth=1.4 if line.pale else 2.0, marker="o", markersize=2.6,
                linestyle="--" if line.pale else "-", label=line.label,
            )  # fmt: skip


def _frame(axes: Any, chart: Chart, content: Content) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    form = formats.short if chart.unit in ("number", "tokens") else formats.FORMATS[chart.unit]
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _place: form(max(0.0, float(value)))))
    every = max(1, -(-len(chart.times) // MOST_TICKS))
    ticks = list(range(0, len(chart.times), every))
    axes.set_xticks(ticks, [words.short_label(chart.times[at], content) for at in ticks])
    axes.set_xlim(-0.6, len(chart.times) - 0.4)
    axes.set_ylim(bottom=0)
    axes.tick_params(colors=SOFT, labelsize=7.5, length=0)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)


def _legend(axes: Any, chart: Chart) -> None:
    if len(chart.lines) < 2:
        return
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        handles[::-1], labels[::-1], loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(labels), frameon=False,
        fontsize=7.5, labelcolor=SOFT, handlelength=1.2, borderpad=0, columnspacing=1.2,
    )  # fmt: skip
