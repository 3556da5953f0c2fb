"""Each family of estimators: the influence matrix beside the fit; leave-one-outs of GLMs.

Run alone: ``python -m benchmarks families``.
"""

from functools import partial

from benchmarks._families_child import MODELS, N_COLUMNS, REAL, REFITTED
from benchmarks._measure import in_turns
from benchmarks._processes import Child
from benchmarks._real_data import data_folder
from benchmarks._tables import Table, ratio, seconds

N_ROWS, N_TEST = 5_000, 200
INTRODUCTION = (
    f"{N_ROWS:,} training rows of {N_COLUMNS} columns; processor time on one thread, the least of "
    "several calls in turns. The fit is the estimator's own, with its default solver. The "
    "influences begin at the fitted estimator: everything that the explainer measures and "
    f"factorises is in them, for one test row and for {N_TEST}, a matrix of a million numbers. The "
    "product is the least that writes this matrix: for each raw prediction, of all members, one "
    "product of the test rows with the training rows (with the kernel matrix for kernel machines) "
    "by BLAS. A fit of n rows and p columns multiplies about n p^2 numbers and the product of m "
    "test rows 2 n m p, so that it takes 2 m / p times as long wherever the fit is one pass over "
    "the rows. The column without the product is what the fit has to be compared with otherwise."
)


def run(quick=False):
    """Two tables, and one of real rows where they can be found."""
    n, n_test = (500, 20) if quick else (N_ROWS, N_TEST)
    lines, real, left_out = [], [], []
    for name in list(MODELS)[:4] if quick else MODELS:
        with Child("benchmarks._families_child", threads=1) as child:
            child.ask(do="prepare", name=name, n=n, n_test=n_test)
            lines.append([name, *_line(child, n_test)])
            print("  " + " | ".join(lines[-1]), flush=True)
            if name in REFITTED:
                found = child.ask(do="leave_out", name=name, sample=5 if quick else 40)
                left_out.append([name, *_left_out(found, n)])
                print("  " + " | ".join(left_out[-1]), flush=True)
    for name in REAL if data_folder() else ():
        with Child("benchmarks._families_child", threads=1) as child:
            found = child.ask(do="prepare_real", name=name, n=n, n_test=n_test)
            what = f"{name}({found['alpha']:.1g}), {found['columns']} columns"
            real.append([what, *_line(child, n_test)])
            print("  " + " | ".join(real[-1]), flush=True)
    columns = ["estimator", "fit, s", "one test row, s", f"{n_test} test rows, s", "product, s"]
    columns += ["one / fit", f"{n_test} / fit", f"({n_test} - product) / fit"]
    made = Table("First-order influences", columns, lines)
    notes = [
        "California housing, with the squares and products of its columns, which are correlated; "
        "the penalty is the one that cross-validation chooses. Descent by coordinates takes many "
        "rounds here, and few on the independent columns of the table before."
    ]
    kept = [Table("First-order influences, real rows", columns, real, notes)] if real else []
    columns = ["estimator", "all removals, s", "one refit, s", "times faster", "difference"]
    notes = [f'All {n:,} coefficients without one row, by method="refit".']
    return [made, *kept, Table("Exact leave-one-outs", columns, left_out, notes)]


def _line(child, n_test):
    ways = {
        "fit": partial(child.ask, do="fit"),
        "one": partial(child.ask, do="explain", n_test=1),
        "all": partial(child.ask, do="explain", n_test=n_test),
        "product": partial(child.ask, do="multiply", n_test=n_test),
    }
    times = in_turns(ways, 1)
    if times["all"][0]["cpu"] < 5.0:  # else the first call says enough
        times = in_turns(ways, 2, spent=3.0)
    fit, one, every, least = (min(call["cpu"] for call in times[way]) for way in ways)
    ratios = [one / fit, every / fit, (every - least) / fit]
    return [*map(seconds, (fit, one, every, least)), *map(ratio, ratios)]


def _left_out(found, n):
    faster = found["one"] * n / found["ours"]
    return [seconds(found["ours"]), seconds(found["one"]), ratio(faster), f"{found['error']:.0e}"]
