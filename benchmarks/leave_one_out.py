"""Exact leave-one-outs: ``method="refit"`` beside refitting scikit-learn row by row.

Run alone: ``python -m benchmarks leave_one_out``.
"""

from functools import partial
from statistics import median

from benchmarks._leave_one_out_child import MODELS
from benchmarks._measure import in_turns
from benchmarks._processes import Child
from benchmarks._tables import Table, ratio, seconds

INTRODUCTION = (
    "Processor time on one thread for the coefficients of every model that lacks one training "
    "row, from the fitted estimator. scikit-learn (for the smooth hinge, our SmoothHingeSVC with "
    "temperature 0.1) is refitted for a sample of the rows, in turns with ours; the median time of "
    "one refit is scaled up to the number of rows that ours removes. Ridge is refitted with "
    'solver="cholesky", logistic regression with "newton-cholesky" and tol=1e-10. "agreement" is '
    "the largest difference of a changed coefficient over the sample, relative to the largest "
    "change."
)
COLUMNS = [
    "model",
    "rows x columns",
    "removed",
    "ours, CPU s",
    "one refit, CPU s",
    "all refits, CPU s",
    "times faster",
    "agreement",
]
#: (rows, columns, rows that are removed)
SIZES = [(5_000, 50, 5_000), (500, 150, 500), (20_000, 200, 1_000)]
#: Refits a turn: about a second of them.
SAMPLES = {5_000: 40, 500: 60, 20_000: 6}


def run(quick=False):
    """Time every model at every size; one table."""
    rows = []
    for n, p, removed in SIZES[1:2] if quick else SIZES:
        for name in MODELS:
            rows.append(_row(name, n, p, removed, 1 if quick else 3))
            print("  " + " | ".join(rows[-1]), flush=True)
    return [Table("Exact leave-one-outs, one thread", COLUMNS, rows)]


def _row(name, n, p, removed, rounds):
    with Child("benchmarks._leave_one_out_child", threads=1) as child:
        child.ask(do="prepare", model=name, n=n, p=p, removed=removed, sample=SAMPLES[n])
        asked = {way: partial(child.ask, do=f"time_{way}") for way in ("ours", "theirs")}
        times = in_turns(asked, rounds)
        ours = [answer["cpu"] for answer in times["ours"]]
        theirs = [answer["cpu"] / answer["refits"] for answer in times["theirs"]]
        agreement = child.ask(do="agreement")
    everything = removed * median(theirs)
    return [
        MODELS[name].label,
        f"{n:,} x {p}",
        f"{removed:,}",
        seconds(median(ours)),
        seconds(median(theirs)),
        seconds(everything),
        ratio(everything / median(ours)),
        f"{agreement:.0e}",
    ]
