"""Wrong labels on eight tables: who finds them, how many, in which time; cleanlab beside.

Run alone: ``python -m benchmarks labels_flipped``; half of the tables are of the larger data sets
(see _real_data.py).
"""

from benchmarks._labels_data import FLIPPED, KINDS, RATES
from benchmarks._labels_trials import (
    KEYS,
    as_table,
    by_kind,
    grid,
    means,
    number,
    percent,
    run_trials,
    settings,
    usable,
)
from benchmarks._labels_ways import BASE, WAYS
from benchmarks._tables import Table, seconds

INTRODUCTION = (
    "Labels are made wrong where they are known to be right: how early does each way look at them? "
    "'As it comes' is `LabelFlagger()`. 'Logistic' is logistic regression with C = 1 on scaled "
    "columns; ExtraTrees and HistGradientBoosting are scikit-learn's, as they come. cleanlab "
    "judges 5-fold cross-validated probabilities of these; its rows of find_label_issues come "
    "first, in the order of their self-confidence. Average precision is the area under precision "
    "and recall of the order in which labels are looked at; 1 is perfect, and the share of wrong "
    "labels is what a random order has. 'Asymmetric' noise confuses in one direction: each class "
    "with the next, and of two classes the larger with the other. 'Boundary' and 'hard' noise are "
    "those of `flip_hard_labels`, which goes by nearest neighbours."
)
SEEDS = 2


def run(quick=False):
    """All tables."""
    tables, kinds, rates, seeds, rows = usable(FLIPPED), KINDS, RATES, SEEDS, None
    if quick:
        tables = [name for name in tables if name in ("breast cancer", "Enron1")]
        kinds, rates, seeds, rows = ("asymmetric", "hard"), (0.1,), 1, 150
    found = run_trials(settings(tables, kinds, rates, seeds, WAYS, rows))
    flagging = list(found.dropna(subset="flagged").way.unique())
    clean = run_trials(settings(tables, ("none",), (0.0,), 1, flagging, rows))
    return [
        _by_table(found, kinds, rates, seeds),
        _by_kind(found),
        _flags(found),
        _times(found),
        _shares(found, clean),
        as_table(
            "Flagged where no label was made wrong",
            grid(clean, "flagged", "table", percent),
            ["Some of these tables have wrong or ambiguous labels of their own."],
        ),
    ]


def _by_table(found, kinds, rates, seeds):
    cells = grid(found, "precision", "table")
    wide = found.pivot(index=KEYS, columns="way", values="precision")
    gaps = wide.rsub(wide[BASE], axis=0)
    least = gaps.groupby("table").mean()
    told = [f"{least[way].min():+.3f} ({least[way].idxmin()})" for way in cells.index]
    cells.insert(0, "mean", means(found, "precision"))
    cells.insert(1, "ours minus it", [f"{gaps[way].mean():+.3f}" for way in cells.index])
    cells.insert(2, "where it does best against ours", told)
    cells.iloc[0, 1:3] = ""
    notes = [
        f"Mean over {', '.join(kinds)} noise on {_percents(rates)} of the rows and {seeds} seeds; "
        "of HistGradientBoosting (not on sparse rows) one seed. Means of unequal trials do not "
        "compare: the second column does.",
        "'ours minus it': the mean difference over the trials that both took part in.",
        "Sizes: " + "; ".join(f"{t} {FLIPPED[t].label}" for t in found.table.unique()) + ".",
    ]
    return as_table("Wrong labels: average precision by table", cells, notes)


def _percents(rates):
    return " and ".join(f"{rate:.0%}" for rate in rates)


def _by_kind(found):
    cells = grid(by_kind(found), "precision", "noise")
    cells.insert(0, "mean", means(found, "precision"))
    return as_table("Average precision by kind and share of wrong labels", cells)


def _flags(found):
    cells = grid(by_kind(found.dropna(subset="f1")), "f1", "noise")
    for at, (title, name) in enumerate(
        (("mean F1", "f1"), ("precision", "flags right"), ("recall", "flags found"))
    ):
        cells.insert(at, title, means(found.dropna(subset="f1"), name))
    return as_table("Flags: F1 by kind and share of wrong labels", cells)


def _times(found):
    cells = grid(found, "seconds", "table", seconds)
    total = found.pivot(index=KEYS, columns="way", values="seconds")
    if "trees find_label_issues" in total:
        trees = total["trees find_label_issues"]
        share = {way: total[way].sum() / trees[total[way].notna()].sum() for way in cells.index}
        cells.insert(0, "in units of ExtraTrees", [number(share[way], 2) for way in cells.index])
    notes = [
        "Mean processor seconds from rows and labels to scores, on one thread; 5-fold "
        "cross-validation included where a way needs it.",
        "'in units of ExtraTrees': total time over that of cleanlab with ExtraTrees, on the trials "
        "of both.",
    ]
    return as_table("Wrong labels: time", cells, notes)


def _shares(found, clean):
    """What the noise model says of the number of wrong labels, beside the truth."""
    ours = by_kind(found[found.way == BASE])
    none = clean[clean.way == BASE].assign(noise="none")
    lines = []
    for table in ours.table.unique():
        cells = []
        for noise in ["none", *ours.noise.unique()]:
            of = none if noise == "none" else ours
            rate, std, flagged = of[(of.table == table) & (of.noise == noise)][
                ["estimate", "std", "flagged"]
            ].mean()
            cells.append(f"{rate:.3f} ± {std:.3f} ({flagged:.3f})")
        lines.append([table, *cells])
    notes = [
        "`LabelFlagger()`: the mean of `noise_rate_` ± that of `noise_rate_std_`, in brackets the "
        "share that is flagged. Wrong labels that are put where classes overlap (boundary, hard) "
        "look like overlap."
    ]
    columns = ["table", "none", *ours.noise.unique()]
    return Table("The estimated share of wrong labels", columns, lines, notes)
