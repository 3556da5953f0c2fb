"""Whether relative influence's rows cost less to remove: with fewer training rows.

Run alone: ``python -m benchmarks selection_rows``; needs the larger data sets (see _real_data.py).
"""

from benchmarks._processes import Child
from benchmarks._tables import Table
from benchmarks.selection import WEIGHT_DECAYS

ROWS, N_TESTS, N_ALONE = (5_000, 10_000, 20_000), 300, 50
WAYS = ("influence", "theta", "loss")
ORDERS = {"helpful": "most helpful", "magnitude": "either sign"}

#: Skipped without the larger data sets (see _real_data.py).
NEEDS_DATA = True

INTRODUCTION = (
    "The first rows of the same table of 14 x 14 pixels, weight decay 1e-4: as many different rows "
    "are removed as there are test rows."
)


def run(quick=False):
    """One table."""
    n_tests = 30 if quick else N_TESTS
    lines = []
    with Child("benchmarks._selection_child", threads=1) as child:
        for rows in (1000,) if quick else ROWS:
            decay, pool = WEIGHT_DECAYS[-1], 4 if quick else 2
            child.ask(do="fit", weight_decay=decay, pool=pool, rows=rows, n_tests=n_tests)
            lines += _lines(child, rows, n_tests)
            print("\n".join("  " + " | ".join(line) for line in lines[-2:]), flush=True)
    columns = ["training rows", "removed", "influence", "theta", "loss"]
    notes = [
        "Change of the mean loss of the test rows, refitted. 'One alone' removes only the "
        f"strongest row of each test row, for {N_ALONE} test rows."
    ]
    return [Table(f"Fewer training rows: {n_tests} test rows", columns, lines, notes)]


def _lines(child, rows, n_tests):
    for way in WAYS:
        for order in ORDERS:
            child.ask(do="top", way=way, order=order, k=30)
    settings = {"diversity": "sum_redundancy", "gamma": 1.0, "order": "helpful"}
    child.ask(do="diverse", n_select=n_tests, **settings)
    found = child.ask(do="retrain", count=n_tests)
    full = found["full"]["own"]
    change = {(g["way"], g["order"]): f"{g['own'] - full:+.4f}" for g in found["groups"]}
    alone = child.ask(do="alone", count=min(N_ALONE, n_tests))
    lines = [
        [f"{rows:,}", f"{n_tests} rows, {said}", *(change[way, order] for way in WAYS)]
        for order, said in ORDERS.items()
    ]
    return [*lines, [f"{rows:,}", "one alone, most helpful", *(f"{alone[w]:+.4f}" for w in WAYS)]]
