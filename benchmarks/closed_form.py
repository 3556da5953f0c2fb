"""Models in closed form: all removals in one product of matrices, against real refits.

Run alone: ``python -m benchmarks closed_form``.
"""

from benchmarks._closed_form_child import MODELS, N_COLUMNS
from benchmarks._processes import Child
from benchmarks._tables import Table, ratio

N_ROWS, N_TEST = 5000, 5000
INTRODUCTION = (
    f"{N_ROWS:,} training rows of {N_COLUMNS} columns, the losses of {N_TEST:,} other rows: a "
    "matrix of 25 million effects. One thread. The fits of these estimators take milliseconds, so "
    "that the matrix takes many times as long as one of them; what it stands for are as many real "
    "refits, with their predictions, as there are training rows."
)


def run(quick=False):
    """One table."""
    lines = []
    n, n_test = (300, 100) if quick else (N_ROWS, N_TEST)
    for name in list(MODELS)[:2] if quick else MODELS:
        for n_classes in (2, 10):
            with Child("benchmarks._closed_form_child", threads=1) as child:
                known = child.ask(do="prepare", name=name, n=n, n_test=n_test, n_classes=n_classes)
                fit = child.ask(do="fit")["seconds"]
                one = child.ask(do="refits", count=3 if quick else 10)["seconds"]
                lines.append([name, f"{n_classes}", *_line(child, known["methods"], fit, one, n)])
            print("  " + " | ".join(lines[-1]), flush=True)
    columns = [
        "estimator",
        "classes",
        "fit, ms",
        "first order, s",
        "exact refits, s",
        "exact refits / fit",
        "real refits / exact refits",
        "largest difference from real refits",
    ]
    notes = [
        "The difference is relative to the largest effect, for ten training rows. Neighbours have "
        "no first order."
    ]
    return [Table("All effects of removing a row", columns, lines, notes)]


def _line(child, methods, fit, one, n):
    first = "first_order" in methods and child.ask(do="matrix", method="first_order")["seconds"]
    exact = child.ask(do="matrix", method="refit")
    return [
        f"{1e3 * fit:.2g}",
        f"{first:.2g}" if first else "",
        f"{exact['seconds']:.2g}",
        f"{exact['seconds'] / fit:,.0f}",
        ratio(one * n / exact["seconds"]),
        f"{exact['error']:.0e}",
    ]
