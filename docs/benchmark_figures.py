"""Figures of the summary of benchmarks, drawn from the tables of benchmarks/results."""

import re
from pathlib import Path

import matplotlib.pyplot as plt

RESULTS = Path(__file__).resolve().parent.parent / "benchmarks" / "results"
OURS, OTHERS = "#0072B2", "#b0b0b0"


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
    heading, rows = next(iter(tables("influence_matrix").items()))
    names = {
        "skinfluence, Newton step": 'skinfluence, "newton_step" (the default)',
        "skinfluence, first order": 'skinfluence, "first_order"',
        "pyinfluence": "pyinfluence InfluenceFunctions",
        "numpy by hand": "numpy by hand, test rows solved",
        "pyDVL": "pyDVL DirectInfluence",
        "captum": "captum NaiveInfluenceFunction",
    }
    values = {row["way"]: number(row[column]) for row in rows}
    _, ax = plt.subplots(figsize=(6, 3), layout="constrained")
    colors = [OURS if name.startswith("skin") else OTHERS for name in names]
    drawn = ax.barh(list(names), [values[way] for way in names.values()], color=colors)
    ax.bar_label(drawn, fmt="%.3g", padding=3, fontsize=8)
    ax.set_xscale(scale)
    ax.margins(x=0.12)
    ax.invert_yaxis()
    ax.set_xlabel(label)
    ax.set_title(heading, fontsize=9)


def speed():
    bars("CPU s", "processor time, seconds")


def memory():
    bars("extra memory", "extra memory, in units of the answer")


def fidelity():
    bars("difference from refits", "difference from real refits, relative", scale="log")


def growth():
    rows = tables("scaling")["Growth with the number of rows"]
    n = [10_000, 100_000, 1_000_000]
    _, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
    for row, line in zip(rows, ("-o", "-s", "-^", "--o", "--s", "--^"), strict=True):
        seconds = [float(row[f"{size:,} rows, s"]) for size in n]
        ax.loglog(n, seconds, line, markersize=4, label=f"{row['way']}; {row['table']}")
    ax.set_xlabel("training rows")
    ax.set_ylabel("seconds, one thread")
    ax.legend(fontsize=7)


def labels():
    rows = {row["way"]: row for row in tables("labels_people")["Labels that people got wrong"]}
    columns = [c for c in next(iter(rows.values())) if c.startswith("average precision")]
    best = [
        max(number(row[c]) for way, row in rows.items() if way.startswith("cleanlab"))
        for c in columns
    ]
    ours = [number(rows["skinfluence, as it comes"][c]) for c in columns]
    place = range(len(columns))
    _, ax = plt.subplots(figsize=(6, 3), layout="constrained")
    kinds = ((ours, -0.2, OURS, "skinfluence"), (best, 0.2, OTHERS, "best of cleanlab"))
    for values, shift, color, label in kinds:
        drawn = ax.bar([p + shift for p in place], values, 0.38, color=color, label=label)
        ax.bar_label(drawn, fmt="%.2f", fontsize=8)
    ax.set_xticks(place, [c.removeprefix("average precision, ") for c in columns], fontsize=8)
    ax.set_ylabel("average precision")
    ax.legend(fontsize=8)
    ax.margins(y=0.15)
