"""Trials of finding wrong labels: all ways on one table in a child process, and means of them."""

import sys

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

from benchmarks._labels_data import load, make_wrong, people
from benchmarks._labels_ways import WAYS, Trial, Verdict
from benchmarks._processes import Child
from benchmarks._real_data import data_folder
from benchmarks._tables import Table

#: What tells trials apart.
KEYS = ["table", "kind", "rate", "seed"]


def run_trials(settings):
    """A frame with one line for each way in each trial.

    Each setting has `table`, `kind` ("people": as they gave them), `rate`, `seed`, `ways`, `rows`.
    """
    lines = []
    with Child("benchmarks._labels_trials", threads=1) as child:
        warm_up = {"table": "breast cancer", "kind": "hard", "rate": 0.1, "seed": 0, "rows": 100}
        child.ask(ways=list(settings[0]["ways"]), **warm_up)
        for setting in settings:
            found = child.ask(**setting)
            lines += [{key: setting[key] for key in KEYS} | line for line in found]
            told = (
                f"{one['way']} {one['precision']:.3f} ({one['seconds']:.1f} s)" for one in found
            )
            print(f"  {[setting[key] for key in KEYS]}: {', '.join(told)}", flush=True)
    return pd.DataFrame(lines)


def handle(request):
    """What each way that can be used on one table found, and how long it took."""
    table, kind, rate, seed = (request[key] for key in KEYS)
    if kind == "people":
        X, y, truth = people(table, request["rows"])
    else:
        X, truth = load(table, seed, request["rows"])
        y = make_wrong(X, truth, kind, rate, seed)[0] if rate else truth
    trial, found = Trial(X, y, seed), []
    for name in request["ways"]:
        if not WAYS[name].applies(X):
            continue
        try:
            verdict, seconds = trial.run(WAYS[name])
        except ValueError as error:  # Datalab has no answer now and then
            if name != "datalab":
                raise
            print(f"{name} on {table}: {error}", file=sys.stderr)
            continue
        found.append({"way": name, "seconds": seconds} | judge(verdict, y != truth))
    return found


def judge(verdict: Verdict, wrong):
    """Average precision, and how good the flags are."""
    found = {"precision": float("nan"), "wrong": float(wrong.mean())}
    if wrong.any():
        found["precision"] = float(average_precision_score(wrong, verdict.score))
    if verdict.flagged is not None:
        right, flagged = float((verdict.flagged & wrong).sum()), float(verdict.flagged.sum())
        found |= {
            "flagged": flagged / len(wrong),
            "flags right": right / max(flagged, 1.0),
            "flags found": right / max(float(wrong.sum()), 1.0),
            "f1": 2.0 * right / max(flagged + float(wrong.sum()), 1.0),
        }
    if verdict.rate is not None:
        found["estimate"], found["std"] = map(float, verdict.rate)
    return found


def label(way):
    return WAYS[way].label


def number(value, digits=3):
    return "-" if np.isnan(value) else f"{value:.{digits}f}"


def percent(value):
    return "-" if np.isnan(value) else f"{100 * value:.1f} %"


def grid(frame, value, by, write=number):
    """Means as text: a line for each way, in their order; a column for each value of `by`."""
    means = frame.pivot_table(index="way", columns=by, values=value, sort=False)
    return means.reindex([way for way in WAYS if way in means.index]).map(write)


def means(frame, value, write=number):
    """Mean of each way over all trials, as text."""
    found = frame.groupby("way", sort=False)[value].mean()
    return found.reindex([way for way in WAYS if way in found.index]).map(write)


def as_table(title, cells, notes=()):
    """A Table of a frame of text whose index are ways."""
    lines = [[label(way), *line] for way, line in zip(cells.index, cells.values, strict=True)]
    return Table(title, ["way", *map(str, cells.columns)], lines, list(notes))


def settings(tables, kinds, rates, seeds, ways, rows=None):
    """One for each table, kind, rate and seed; ways that are slow for the first seed alone."""
    return [
        {"table": table, "kind": kind, "rate": rate, "seed": seed, "rows": rows}
        | {"ways": [way for way in ways if seed == 0 or not WAYS[way].slow]}
        for table in tables
        for kind in kinds
        for rate in rates
        for seed in range(seeds)
    ]


def by_kind(frame):
    """The frame with a column that says kind and rate together."""
    return frame.assign(noise=[f"{k} {r:.0%}" for k, r in zip(frame.kind, frame.rate, strict=True)])


def usable(tables):
    """Names of the tables that are here."""
    here = data_folder() is not None
    return [name for name, source in tables.items() if here or not source.shared]
