"""Tables of who finds which wrong labels, in which order and at what price."""

import numpy as np

from benchmarks._labels_data import KINDS, RATES, TABLES
from benchmarks._labels_ways import BASE, WAYS
from benchmarks._processes import Child
from benchmarks._real_data import data_folder
from benchmarks._tables import Table, ratio, seconds

SEEDS = 10
CLEAN_WAYS = (
    "ours",
    "ours strict",
    "ours logistic",
    "ours trees",
    "trees find_label_issues",
    "logistic find_label_issues",
    "boosting find_label_issues",
    "datalab",
    "pyinfluence",
)


def run(quick):
    """Detection, time and flags: a list of tables."""
    tables = [name for name, table in TABLES.items() if data_folder() or not table.shared]
    kinds, rates, seeds, rows = KINDS, RATES, SEEDS, None
    if quick:
        tables = [name for name in tables if name in ("breast cancer", "Enron1")]
        kinds, rates, seeds, rows = ("asymmetric", "hard"), (0.1,), 1, 150
    trials = {}  # (table, kind, rate, seed) -> {way: numbers}
    with Child("benchmarks._labels_child", threads=1) as child:
        warm_up = {"table": "breast cancer", "kind": "hard", "rate": 0.1, "seed": 0, "rows": 100}
        child.ask(do="trial", **warm_up)
        for table in tables:
            for kind in kinds:
                for rate in rates:
                    for seed in range(seeds):
                        key = {"table": table, "kind": kind, "rate": rate, "seed": seed}
                        found = child.ask(do="trial", rows=rows, **key)
                        trials[tuple(key.values())] = found
                    print(_progress(trials, table, kind, rate), flush=True)
        clean = {
            table: child.ask(do="clean", table=table, ways=CLEAN_WAYS, rows=rows)
            for table in tables
        }
    return [
        _by_table(trials, tables, seeds),
        _by_kind(trials, "precision", "Average precision by kind and share of wrong labels"),
        _by_kind(trials, "found", "Share found in the first tenth, by kind and share"),
        _times(trials, tables),
        _flags(trials),
        _rates(trials, tables),
        _clean_table(clean, tables),
    ]


def _progress(trials, table, kind, rate):
    parts = [f"  {table}, {kind} {rate:.0%}"]
    for way in ("ours", "ours logistic", "ours trees", "trees find_label_issues"):
        numbers = _collect(trials, way, "precision", table=table, kind=kind, rate=rate)
        if len(numbers):
            spent = np.mean(_collect(trials, way, "seconds", table=table, kind=kind, rate=rate))
            parts.append(f"{way} {np.mean(numbers):.3f} ({spent:.2f} s)")
    return " | ".join(parts)


def _collect(trials, way, name, other=None, **chosen):
    """Numbers of a way over the trials that it (and an `other`) took part in."""
    where = dict(zip(("table", "kind", "rate", "seed"), range(4), strict=True))
    return np.array(
        [
            found[way][name]
            for key, found in trials.items()
            if all(key[where[k]] == v for k, v in chosen.items())
            and way in found
            and name in found[way]
            and (other is None or other in found)
        ]
    )


def _ways(trials):
    seen = {way for found in trials.values() for way in found}
    return [way for way in WAYS if way in seen]


def _number(values, digits=3):
    return f"{np.mean(values):.{digits}f}" if len(values) else "-"


def _mean_over(trials, way, name, groups):
    """Mean of the means of groups, or NaN where a way is absent from one."""
    found = [_collect(trials, way, name, **group) for group in groups]
    return np.mean([v.mean() for v in found]) if all(map(len, found)) else np.nan


def _by_table(trials, tables, seeds):
    lines = []
    for way in _ways(trials):
        ours = _collect(trials, BASE, "precision", other=way)
        theirs = _collect(trials, way, "precision")
        paired = [
            (_collect(trials, BASE, "precision", other=way, table=t), t)
            for t in tables
            if len(_collect(trials, way, "precision", table=t))
        ]
        gaps = {t: _collect(trials, way, "precision", table=t).mean() - v.mean() for v, t in paired}
        worst = max(gaps, key=gaps.get)
        lines.append(
            [
                WAYS[way].label,
                _number(theirs),
                "" if way == BASE else f"{np.mean(ours) - np.mean(theirs):+.3f}",
                "" if way == BASE else f"{-gaps[worst]:+.3f} ({worst})",
                *(_number(_collect(trials, way, "precision", table=t)) for t in tables),
            ]
        )
    columns = ["way", "mean", "ours minus it", "where it does best against ours", *tables]
    notes = [
        f"Mean over {', '.join(KINDS)} noise on {_percents()} of the rows and {seeds} seeds. Fewer "
        "trials of slow ways: HistGradientBoosting (not on sparse rows) four seeds, and the "
        "combination with ExtraTrees one seed and 10 %. Means of unequal trials do not compare: "
        "the second column does.",
        "'ours minus it': the mean difference over the trials that both took part in.",
        "Sizes: " + "; ".join(f"{t} {TABLES[t].label}" for t in tables) + ".",
    ]
    return Table("Wrong labels: average precision by table", columns, lines, notes)


def _percents():
    return " and ".join(f"{rate:.0%}" for rate in RATES)


def _by_kind(trials, name, title):
    columns = [f"{kind} {rate:.0%}" for kind in KINDS for rate in RATES]
    lines = []
    for way in _ways(trials):
        cells = [
            _number(_collect(trials, way, name, kind=kind, rate=rate))
            for kind in KINDS
            for rate in RATES
        ]
        lines.append([WAYS[way].label, _number(_collect(trials, way, name)), *cells])
    return Table(title, ["way", "mean", *columns], lines)


def _times(trials, tables):
    lines = []
    for way in _ways(trials):
        trees = _collect(trials, "trees find_label_issues", "seconds", other=way)
        own = _collect(trials, way, "seconds", other="trees find_label_issues")
        against = ratio(own.mean() / trees.mean()) if len(own) and len(trees) else "-"
        cells = [_collect(trials, way, "seconds", table=t) for t in tables]
        lines.append(
            [WAYS[way].label, against, *(seconds(np.median(c)) if len(c) else "-" for c in cells)]
        )
    notes = [
        "Median processor seconds from rows and labels to scores, on one thread; 5-fold "
        "cross-validation included where a way needs it.",
        "'in units of ExtraTrees': total time over that of cleanlab with ExtraTrees, on the trials "
        "of both.",
    ]
    columns = ["way", "in units of ExtraTrees", *tables]
    return Table("Wrong labels: time", columns, lines, notes)


def _flags(trials):
    lines = []
    columns = [f"{kind} {rate:.0%}" for kind in KINDS for rate in RATES]
    for way in _ways(trials):
        if not len(_collect(trials, way, "f1")):
            continue
        cells = [
            _number(_collect(trials, way, "f1", kind=kind, rate=rate))
            for kind in KINDS
            for rate in RATES
        ]
        sure = [_number(_collect(trials, way, n)) for n in ("f1", "flags right", "flags found")]
        lines.append([WAYS[way].label, *sure, *cells])
    columns = ["way", "mean F1", "precision", "recall", *columns]
    return Table("Flags: F1 by kind and share of wrong labels", columns, lines)


def _rates(trials, tables):
    lines = []
    easy = {"kind": "symmetric", "rate": 0.1}
    for table in tables:
        cells = []
        for way in ("ours", "trees find_label_issues"):
            for name in ("flags right", "flags found", "rate"):
                digits = 2 if name == "rate" else 3
                cells.append(_number(_collect(trials, way, name, table=table, **easy), digits))
            cells.append(_number(_collect(trials, way, "rate", table=table), 2))
        lines.append([table, *cells])
    names = ["precision", "recall", "rate / truth", "all kinds: rate / truth"]
    columns = ["table", *(f"{who}: {n}" for who in ("ours", "cleanlab") for n in names)]
    notes = [
        "Defaults of skinfluence, and cleanlab's find_label_issues with ExtraTrees. The rate is "
        "the share that is flagged; what the noise model says of it is in a table of its own."
    ]
    return Table("Flags under 10 % symmetric noise, and the estimated rate", columns, lines, notes)


def _clean_table(clean, tables):
    lines = []
    for way in CLEAN_WAYS:
        cells = [
            f"{clean[t][way]:.1%}".replace("%", " %") if way in clean[t] else "-" for t in tables
        ]
        lines.append([WAYS[way].label, *cells])
    notes = ["Some of these tables have wrong or ambiguous labels of their own."]
    return Table("Flagged where no label was made wrong", ["way", *tables], lines, notes)
