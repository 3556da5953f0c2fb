"""What is written of the measurements of `scaling.py`."""

import numpy as np

from benchmarks._figures import Figure, line_style
from benchmarks._scaling_ways import OURS, OURS_ALL, PEERS, WAYS
from benchmarks._tables import Table, megabytes, ratio, seconds

#: Errors below are all the same: rounding, or the residual that is asked for.
TOLERANCE = 1e-8
#: The lines of the figure: more cannot be told apart.
DRAWN = ("auto", "direct", "pyinfluence", "pydvl_direct", "captum", "kronfluence")


def size_table(found, ways, sizes, q, K):
    """One row a way, one column a number of rows."""
    rows = sorted({s[0] for s in sizes if s[1:] == (q, K)})
    lines = [
        [WAYS[name].label, *(_cell(found.get((name, (n, q, K)))) for n in rows)] for name in ways
    ]
    classes = f"{K} classes" if K > 1 else "two classes"
    title = f"{q:,} columns, {classes} ({q * K:,} parameters)"
    return Table(title, ["way", *(f"{n:,} rows" for n in rows)], lines)


def _cell(entry):
    if entry is None:
        return "-"
    if "failed" in entry:
        return entry["failed"].replace("\n", " ")[:60]
    error = "" if np.isnan(entry["error"]) else f", {entry['error']:.0e}"
    return f"{seconds(entry['cpu'])} s, {megabytes(entry['peak'])}{error}"


def summary_table(found, ways, sizes):
    """Each package against ours: how many sizes it finished, and the smallest ratios."""
    lines = []
    done = [size for size in sizes if "cpu" in found[OURS, size]]
    for name in [way for way in ways if way in PEERS]:
        finished = [size for size in done if "cpu" in found[name, size]]
        large = [size for size in finished if size[0] >= 20_000] or finished
        lines.append(
            [
                WAYS[name].label,
                f"{len(finished)} of {len(done)}",
                _least(found, name, finished, "cpu"),
                _least(found, name, large, "cpu"),
                _least(found, name, large, "peak"),
                _least(found, name, finished, "cpu", _no_less_exact),
            ]
        )
    columns = [
        "package",
        "sizes finished",
        "least ratio of time",
        "from 20,000 rows",
        "of memory",
        "of time to ours of no larger error",
    ]
    notes = [
        f"Ratios to {WAYS[OURS].label}, at the size (rows x columns, classes) in brackets; in the "
        "last column to the fastest of our ways whose error is no larger than the package's own, "
        f"or than {TOLERANCE:.0e}, the residual that conjugate gradients are asked for."
    ]
    return Table("Other packages in units of ours", columns, lines, notes)


def _auto(found, name, size):
    """Our way that a package is compared with."""
    return OURS


def _no_less_exact(found, name, size):
    """The fastest of our ways whose error is no larger than the package's."""
    allowed = max(found[name, size]["error"], TOLERANCE)
    ways = [way for way in OURS_ALL if found.get((way, size), {}).get("error", np.inf) <= allowed]
    return min(ways, key=lambda way: found[way, size]["cpu"], default=OURS)


def _least(found, name, sizes, kind, choose=_auto):
    ratios = []
    for size in sizes:
        ours = choose(found, name, size)
        ratios.append((found[name, size][kind] / max(found[ours, size][kind], 1e-9), size, ours))
    if not ratios:
        return "-"
    least, (n, q, K), ours = min(ratios)
    way = "" if choose is _auto else f"; {WAYS[ours].label.removeprefix('skinfluence, ')}"
    return f"{ratio(least)} ({n:,} x {q:,}, {K}{way})"


def slope_table(slopes, rows):
    """Slope of log time against log n over a factor of a hundred."""
    lines = []
    for (name, q, K), times in slopes.items():
        slope = np.polyfit(np.log(rows), np.log(times), 1)[0]
        shape = f"{q:,} columns, {f'{K} classes' if K > 1 else 'two classes'}"
        lines.append([WAYS[name].label, shape, *map(seconds, times), f"{slope:.2f}"])
    columns = ["way", "table", *(f"{n:,} rows, s" for n in rows), "slope"]
    return Table("Growth with the number of rows", columns, lines)


def growth_figure(found, ways, sizes):
    """Seconds against rows, a panel for each number of columns and classes."""

    def draw(figure):
        columns, classes = sorted({s[1] for s in sizes}), sorted({s[2] for s in sizes})
        axes = figure.subplots(len(classes), len(columns), squeeze=False, sharex=True, sharey=True)
        for K, row in zip(classes, axes, strict=True):
            for q, ax in zip(columns, row, strict=True):
                _panel(ax, found, ways, sizes, q, K)
        for ax in axes[-1]:
            ax.set_xlabel("rows")
        for row in axes:
            row[0].set_ylabel("seconds")
        handles = [ax.get_legend_handles_labels() for ax in axes.ravel()]
        named = {
            label: line
            for lines, labels in handles
            for line, label in zip(lines, labels, strict=True)
        }
        figure.legend(named.values(), named.keys(), loc="outside upper center", ncols=3)

    title = "Seconds for the influences of all rows on ten test rows; lines end at the limit."
    return Figure("scaling", title, draw, (9.0, 6.5))


def _panel(ax, found, ways, sizes, q, K):
    for i, name in enumerate(name for name in DRAWN if name in ways):
        points = sorted(
            (size[0], found[name, size]["cpu"])
            for size in sizes
            if size[1:] == (q, K) and "cpu" in found[name, size]
        )
        if points:
            style = line_style(i)
            if name == OURS:
                style |= {"linewidth": 2.5}
            ax.loglog(*zip(*points, strict=True), label=WAYS[name].label, **style)
    classes = f"{K} classes" if K > 1 else "two classes"
    ax.set_title(f"{q:,} columns, {classes}", fontsize=9)
    ax.grid(alpha=0.3)
