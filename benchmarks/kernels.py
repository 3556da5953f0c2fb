"""The compiled kernels beside numpy and scipy, and beside one reading of the data.

Run alone: ``python -m benchmarks kernels``.
"""

from benchmarks._processes import Child
from benchmarks._tables import Table, ratio, seconds

INTRODUCTION = (
    "Wall time of one call, the least of six rounds, or of three seconds of them where calls are "
    "short, in which all ways of a row take turns (on two threads with pauses, in which those of "
    "BLAS come to rest) in "
    'one process, compilation left out. "read" is one reading of the same array by a compiled sum '
    "on as many threads: where its time over ours is 1, nothing faster is possible. The plain ways "
    "are two products by BLAS or scipy with the scaling between them (Hessian products), "
    "(X' (diag(w) X)).toarray() (Gram matrix), the row sums of X * (X M) (quadratic form), for "
    "each output a product that is turned, scaled and added (scores) and "
    "numpy's argpartition block by block (top-k). scipy's sparse products use one thread. "
    '"difference" is relative to the largest number of the result.'
)
ROUNDS = 6
#: Seconds of rounds: the least of six calls of a millisecond is chance.
SPENT = 3.0
COLUMNS = [
    "kernel",
    "threads",
    "ours, s",
    "plain, s",
    "times faster",
    "read / ours",
    "difference",
]
# as many rows and columns as 20 newsgroups, 100 entries a row; and rows that no cache holds
TEXT = {"n": 11_314, "f": 22_384, "entries": 110}
LARGE_TEXT = TEXT | {"n": 500_000}
CASES = [
    ("Hessian product, 1 output, 200,000 x 200", "dense", {"n": 200_000, "f": 200, "K": 1}),
    (
        "the same, float32",
        "dense",
        {"n": 200_000, "f": 200, "K": 1, "dtype": "float32"},
    ),
    (
        "the same, columns stored one after the other",
        "dense",
        {"n": 200_000, "f": 200, "K": 1, "order": "F"},
    ),
    ("Hessian product, 1 output, 55,000 x 784", "dense", {"n": 55_000, "f": 784, "K": 1}),
    ("Hessian product, 10 classes, 55,000 x 784", "dense", {"n": 55_000, "f": 784, "K": 10}),
    (
        "the same, float32",
        "dense",
        {"n": 55_000, "f": 784, "K": 10, "dtype": "float32"},
    ),
    ("Hessian product, 1 output, CSR 500,000 x 22,384", "sparse", LARGE_TEXT | {"K": 1}),
    ("Hessian product, 20 classes, the same rows", "sparse", LARGE_TEXT | {"K": 20}),
    ("Hessian product, 1 output, CSR 11,314 x 22,384", "sparse", TEXT | {"K": 1}),
    ("Hessian product, 20 classes, the same rows", "sparse", TEXT | {"K": 20}),
    ("Scores for 100 test rows, 1 output, the same rows", "scores", TEXT | {"K": 1, "n_test": 100}),
    (
        "Scores for 100 test rows, 3 classes, the same rows",
        "scores",
        TEXT | {"K": 3, "n_test": 100},
    ),
    (
        "Gram matrix, CSR 50,000 x 1,000, 50 entries a row",
        "gram",
        {"n": 50_000, "f": 1_000, "entries": 50},
    ),
    (
        "Quadratic form, CSR of the same size",
        "quadratic_form",
        {"n": 50_000, "f": 1_000, "entries": 50},
    ),
    ("20 strongest of 100,000 scores, 100 times", "top_k", {"n_test": 100, "n": 100_000, "k": 20}),
]


def run(quick=False):
    """Time every kernel on one thread and on two; one table."""
    rows = []
    rounds, spent = (2, 0.0) if quick else (ROUNDS, SPENT)
    for threads in (1,) if quick else (1, 2):
        with Child("benchmarks._kernels_child", threads) as child:
            for label, kind, sizes in CASES:
                difference = child.ask(do="prepare", kind=kind, sizes=sizes)
                best = child.ask(do="time", rounds=rounds, spent=spent)
                rows.append(_row(label, threads, best, difference))
                print("  " + " | ".join(rows[-1]), flush=True)
    return [Table("Kernels", COLUMNS, rows)]


def _row(label, threads, best, difference):
    return [
        label,
        str(threads),
        seconds(best["ours"]),
        seconds(best["plain"]),
        ratio(best["plain"] / best["ours"]),
        ratio(best["read"] / best["ours"]) if "read" in best else "",
        f"{difference:.0e}",
    ]
