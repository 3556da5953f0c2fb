"""Wrong values of regressions: average precision, flags and time."""

import numpy as np

from benchmarks._labels_real import PRICES as LABELS
from benchmarks._processes import Child
from benchmarks._real_data import data_folder
from benchmarks._tables import Table, seconds

TABLES = ("diabetes", "Friedman 1", "forest fires, log", "California", "Boston")
#: Of the larger data sets.
SHARED = ("California", "Boston")
KINDS = {
    "moved": "moved by 1 to 3 standard deviations",
    "swapped": "of another row",
    "scaled": "halved or doubled",
}
RATES = (0.1,)
SEEDS, ROWS = 2, 500
WAYS = ("ours", "ours linear", "cleanlab linear", "cleanlab trees", "cook")


def run(quick):
    """One table."""
    tables = [t for t in TABLES if data_folder() or t not in SHARED]
    kinds, seeds, rows = list(KINDS), SEEDS, ROWS
    if quick:
        tables, kinds, seeds, rows = tables[:1], kinds[:1], 1, 150
    trials = {}
    with Child("benchmarks._labels_values_child", threads=1) as child:
        child.ask(table="diabetes", kind="moved", rate=0.1, seed=0, rows=100, ways=["ours"])
        for table in tables:
            for kind in kinds:
                for rate in RATES:
                    for seed in range(seeds):
                        key = {"table": table, "kind": kind, "rate": rate, "seed": seed}
                        trials[tuple(key.values())] = child.ask(rows=rows, ways=WAYS, **key)
            print(
                f"  {table}: "
                + ", ".join(f"{way} {_mean(trials, way, 'precision', table):.3f}" for way in WAYS),
                flush=True,
            )
    return [_table(trials, tables, kinds)]


def _values(trials, way, name, chosen=None):
    return [
        found[way][name]
        for key, found in trials.items()
        if name in found[way] and (chosen is None or chosen in key)
    ]


def _mean(trials, way, name, chosen=None):
    return np.mean(_values(trials, way, name, chosen))


def _table(trials, tables, kinds):
    lines = []
    for way in WAYS:
        flags = ["-", "-"]
        if _values(trials, way, "f1"):
            flags = [f"{_mean(trials, way, 'f1'):.3f}", f"{_mean(trials, way, 'rate'):.2f}"]
        spent = seconds(np.median(_values(trials, way, "seconds")))
        cells = [f"{_mean(trials, way, 'precision', chosen):.3f}" for chosen in (*tables, *kinds)]
        lines.append([LABELS[way], f"{_mean(trials, way, 'precision'):.3f}", *cells, *flags, spent])
    columns = ["way", "mean", *tables, *kinds, "F1 of the flags", "flagged / wrong", "seconds"]
    notes = [
        f"Values made wrong in 10 % of at most {ROWS} rows, {SEEDS} seeds: "
        + "; ".join(f"'{kind}': {KINDS[kind]}" for kind in kinds)
        + ". Median processor seconds, one thread."
    ]
    return Table("Wrong values of regressions: average precision", columns, lines, notes)
