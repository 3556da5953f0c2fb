"""Figures that are written beside the tables."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

#: Colours that differ for colour-blind readers too (Okabe and Ito), dark to light.
COLOURS = ["#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
STYLES = ["-", "--", ":", "-."]


@dataclass
class Figure:
    """A figure by the function that draws it on a matplotlib Figure.

    `name` becomes the file; `title` stands below it.
    """

    name: str
    title: str
    draw: Callable
    size: tuple[float, float] = (9.0, 5.5)

    @property
    def file(self):
        return f"benchmark_{self.name}.svg"

    def save(self, path):
        import matplotlib
        from matplotlib.figure import Figure as Canvas

        # text stays text, and the same numbers give the same file
        with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "benchmarks"}):
            canvas = Canvas(figsize=self.size, layout="constrained")
            self.draw(canvas)
            # dpi: of clouds of points, which are pixels
            canvas.savefig(path, format="svg", dpi=200, metadata={"Date": None})

    def check(self):
        """Draw it and throw it away: for quick runs, which write nothing."""
        self.save(BytesIO())

    def markdown(self):
        return f"![{self.title}](../../docs/_generated/{self.file})\n\n{self.title}\n"

    def rst(self):
        # from the folder of the documentation: several pages include this
        return f".. figure:: /_generated/{self.file}\n   :alt: {self.title}\n\n   {self.title}\n"


def line_style(i):
    """Keyword arguments of the i-th line of a plot: a colour, and a dash where colours repeat."""
    return {
        "color": COLOURS[i % len(COLOURS)],
        "linestyle": STYLES[i // len(COLOURS) % len(STYLES)],
        "marker": "o",
        "markersize": 3,
        "linewidth": 1.2,
    }
