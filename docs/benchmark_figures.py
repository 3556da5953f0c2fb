"""Figures of the summary of benchmarks, drawn from the tables of benchmarks/results."""

import re
from pathlib import Path

import matplotlib.pyplot as plt

RESULTS = Path(__file__).resolve().parent.parent / "benchmarks" / "results"
OURS, OTHERS = "#0072B2", "#b0b0b0"
SIZE = (4.2, 2.4)


def tables(name):
    """Tables of a results file by the heading above them: lists of dicts, one per line."""
    found, heading, columns = {}, None, None
    for line in (RESULTS / f"{name}.md").read_text("utf-8").splitlines():
        if line.startswith("### "):
            heading, columns = line.removeprefix("### "), None
        elif line.startswith("|") and heading:
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if columns is None:
                columns = cells
                found[heading] = []
            elif not set(line) <= set("|-: "):
                found[heading].append(dict(zip(columns, cells, strict=True)))
    return found


def number(text):
    """The first number of a cell."""
    return float(re.search(r"[\d.]+(e[-+]?\d+)?", text).group())


def bars(column, label, scale="linear"):
    """One bar per package for the influence matrix, ours in colour."""
    rows = next(iter(tables("influence_matrix").values()))
    names = {
        "skinfluence": 'skinfluence, "newton_step" (the default)',
        "skinfluence,\nfirst order": 'skinfluence, "first_order"',
        "pyinfluence": "pyinfluence InfluenceFunctions",
        "plain numpy": "numpy by hand, test rows solved",
        "pyDVL": "pyDVL DirectInfluence",
        "captum": "captum NaiveInfluenceFunction",
    }
    values = {row["package"]: number(row[column]) for row in rows}
    _, ax = plt.subplots(figsize=SIZE, layout="constrained")
    colors = [OURS if name.startswith("skin") else OTHERS for name in names]
    drawn = ax.barh(list(names), [values[way] for way in names.values()], color=colors)
    ax.bar_label(drawn, fmt="%.3g", padding=3)
    ax.set_xscale(scale)
    ax.margins(x=0.2)
    ax.invert_yaxis()
    ax.set_xlabel(label)


def speed():
    bars("CPU s", "processor time (s)")


def memory():
    bars("extra memory", "extra memory (times the matrix)")


def fidelity():
    bars("difference from refits", "difference from refits", scale="log")


def growth():
    rows = tables("scaling")["Growth with the number of rows"]
    n = [10_000, 100_000, 1_000_000]
    _, ax = plt.subplots(figsize=SIZE, layout="constrained")
    default = [row for row in rows if row["way"] == "skinfluence, auto"]
    styles = zip(("-o", "--s", ":^"), ("#0072B2", "#D55E00", "#009E73"), strict=True)
    for row, (line, color) in zip(default, styles, strict=True):
        seconds = [float(row[f"{size:,} rows, s"]) for size in n]
        ax.loglog(n, seconds, line, color=color, markersize=5, label=row["table"])
    ax.set_xlabel("training rows")
    ax.set_ylabel("time (s)")
    ax.set_ylim(top=200)
    ax.legend(fontsize=9, loc="upper left")


def labels():
    rows = {row["way"]: row for row in tables("labels_people")["Labels that people got wrong"]}
    columns = [c for c in next(iter(rows.values())) if c.startswith("average precision")]
    best = [
        max(number(row[c]) for way, row in rows.items() if way.startswith("cleanlab"))
        for c in columns
    ]
    ours = [number(rows["skinfluence, as it comes"][c]) for c in columns]
    place = range(len(columns))
    _, ax = plt.subplots(figsize=SIZE, layout="constrained")
    kinds = ((ours, -0.2, OURS, "skinfluence"), (best, 0.2, OTHERS, "best of cleanlab"))
    for values, shift, color, label in kinds:
        drawn = ax.bar([p + shift for p in place], values, 0.38, color=color, label=label)
        ax.bar_label(drawn, fmt="%.2f", fontsize=8)
    names = [c.removeprefix("average precision, ").replace(" ", "\n") for c in columns]
    ax.set_xticks(place, names)
    ax.set_ylabel("average precision")
    ax.legend(fontsize=9, loc="upper left", ncols=2)
    ax.set_ylim(0, 1.1)
