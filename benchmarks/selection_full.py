"""Relative influence on MNIST with all pixels: the exact Hessian of 7,840 parameters.

Run alone: ``python -m benchmarks selection_full``; needs the larger data sets (see _real_data.py),
3 GB of memory and some minutes.
"""

from benchmarks._processes import Child
from benchmarks.selection import (
    QUICK,
    SHOWN,
    WEIGHT_DECAYS,
    Size,
    figure,
    measure,
    repeats,
    retraining,
    seconds_table,
)

#: Skipped without the larger data sets (see _real_data.py).
NEEDS_DATA = True

INTRODUCTION = (
    "The same with all 784 pixels of the 55,000 rows: 7,840 parameters, weight decay 1e-4, exact "
    "Hessian."
)


def run(quick=False):
    """Retraining, how often rows repeat, seconds, and a picture."""
    size = QUICK if quick else Size(pool=1, alone=0)
    with Child("benchmarks._selection_child", threads=1) as child:
        asked = {"pool": size.pool, "rows": size.rows, "n_tests": size.tests}
        fit = child.ask(do="fit", weight_decay=WEIGHT_DECAYS[-1], **asked)
        print(f"  {fit}", flush=True)
        times = measure(child)
        return [
            retraining(child, size, WEIGHT_DECAYS[-1]),
            repeats(child.ask(do="describe"), size.tests),
            seconds_table(fit, times, size.tests),
            figure(child.ask(do="pictures", tests=list(SHOWN)), "selection_full"),
        ]
