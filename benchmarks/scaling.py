"""Influences of all training rows on ten test rows, as rows, columns and classes grow.

Run alone: ``python -m benchmarks scaling``.
"""

from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks._processes import Child
from benchmarks._scaling_tables import growth_figure, size_table, slope_table, summary_table
from benchmarks._scaling_ways import OURS, WAYS

#: Seconds that one call may take.
LIMIT = 12.0
LATE, SKIPPED = f"over {LIMIT:.0f} s", "left out"
#: Seconds of calls after which none is repeated.
REPEATED = 5.0
#: Address space of a process, of the 24 GB of the machines this is meant for.
MEMORY = 20 * 2**30
#: A table may take this much of it: some packages need a second one.
LARGEST_TABLE = 10 * 2**30
#: Numbers in the table times classes above which no exact answer is computed.
EXACT_WORK = 5e8
N_TEST = 10

INTRODUCTION = (
    "First-order influences of all training rows on ten test rows, from given coefficients without "
    "an intercept, one thread. Every way has a process of its own, which first answers small "
    "questions (so that nothing is imported or compiled later: what numba compiles, some seconds, "
    "stays on the disk) and makes the tables itself; a call is repeated up to twice until "
    f"{REPEATED:.0f} s have passed, and the least time counts. A call may take {LIMIT:.0f} s: "
    "a size is left out where a smaller one took longer or the line through the times of two "
    "smaller ones predicts that it would. A process may hold "
    f"{MEMORY / 2**30:.0f} GiB ('memory': it did not suffice) and a table "
    f"{LARGEST_TABLE / 2**30:.0f}, which leaves out 1,000,000 x 2,000 in float64. Each entry: "
    "processor seconds, growth of the resident memory beyond the table (influences included), "
    "largest error relative to the largest influence. Exact is conjugate gradients in plain numpy "
    "to a residual "
    "of 1e-12, for two test rows and where a table times its classes has up to 5e8 numbers. LiSSA: "
    "500 steps of 256 rows for the packages, with a scale that was computed for them; ours finds "
    "its own. Conjugate gradients: relative residual 1e-8 where there is a rule (dattri has none: "
    "100 iterations). torch-influence is missing: it is on no package index. pyinfluence refuses "
    "more than two classes; kronfluence's EK-FAC is an approximation, not an inverse; "
    'method="auto" answers with the Newton step where the Hessian is factorised, which differs '
    "from first order on purpose."
)

ROWS = (5_000, 20_000, 200_000, 1_000_000)
COLUMNS = (50, 200, 2_000)
CLASSES = (1, 10)
QUICK = [(2_000, 20, 1), (4_000, 20, 1), (2_000, 20, 10)]

#: For the growth in n alone: (columns, classes).
SLOPES = [(50, 1), (200, 1), (50, 10)]
SLOPE_ROWS = (10_000, 100_000, 1_000_000)


def run(quick=False):
    """Tables by columns and classes, a summary, the slopes and a figure."""
    ways = [name for name, way in WAYS.items() if find_spec(way.needs)]
    for name in set(WAYS) - set(ways):
        print(f"skipped: {WAYS[name].label} ({WAYS[name].needs} is not installed)", flush=True)
    sizes = QUICK if quick else [(n, q, K) for q in COLUMNS for K in CLASSES for n in ROWS]
    sizes = sorted(sizes, key=np.prod)
    with TemporaryDirectory() as folder:
        exact = _exact_answers(sizes, Path(folder))
        found = {}
        for name in ways:
            print(f"  {WAYS[name].label}", flush=True)
            found |= {(name, size): entry for size, entry in _measure(name, sizes, exact)}
    rows = (1_000, 2_000, 4_000) if quick else SLOPE_ROWS
    slopes = {}
    for name in (OURS, "cg"):
        for q, K in SLOPES[:1] if quick else SLOPES:
            entries = [entry for _, entry in _measure(name, [(n, q, K) for n in rows], {})]
            slopes[name, q, K] = [entry.get("cpu", float("nan")) for entry in entries]
    tables = [size_table(found, ways, sizes, q, K) for q, K in sorted({s[1:] for s in sizes})]
    return [
        growth_figure(found, ways, sizes),
        summary_table(found, ways, sizes),
        slope_table(slopes, rows),
        *tables,
    ]


def _exact_answers(sizes, folder):
    """{size: file} with the exact answers, where they can be had."""
    files = {}
    with Child("benchmarks._scaling_child", threads=2) as child:
        for i, (n, q, K) in enumerate(sizes):
            if n * q * K <= EXACT_WORK:
                files[n, q, K] = str(folder / f"{i}.npy")
                child.ask(do="make", n=n, q=q, K=K, n_test=N_TEST)
                child.ask(do="exact", path=files[n, q, K])
    return files


def _measure(name, sizes, exact):
    """Yield (size, what was measured or why not), in one process until it has to be ended."""
    entries, child = {}, None
    for size in sizes:
        entry = _left_out(WAYS[name], size, entries)
        if entry is None:
            child = child or _started(name)
            try:
                entry = _asked(child, size, exact)
            except TimeoutError:
                entry = {"failed": LATE}
            except RuntimeError:  # the system ended it
                entry = {"failed": "memory"}
            if "failed" in entry:
                child.__exit__()
                child = None
        entries[size] = entry
        told = entry.get("failed") or f"{entry['cpu']:.3g} s, error {entry['error']:.0e}"
        print(f"    {size}: {told}", flush=True)
        yield size, entry
    if child:
        child.__exit__()


def _started(name):
    child = Child("benchmarks._scaling_child", threads=1)
    child.ask(do="prepare", way=name, memory=MEMORY)
    return child


def _asked(child, size, exact):
    n, q, K = size
    made = child.ask(do="make", n=n, q=q, K=K, n_test=N_TEST)
    if "failed" in made:
        return made
    entry = child.ask(do="first", within=LIMIT)
    spent = entry.get("wall", LIMIT)
    for _ in range(2):
        if spent < REPEATED:
            again = child.ask(do="again", within=LIMIT)
            spent += again["wall"]
            entry |= {kind: min(entry[kind], again[kind]) for kind in ("wall", "cpu")}
    if "failed" not in entry:
        unknown = {"error": float("nan"), "correlation": float("nan")}
        entry |= child.ask(do="compare", path=exact[size]) if size in exact else unknown
    return entry


def _left_out(way, size, entries):
    """Why this size need not be tried, or None."""
    n, q, K = size
    if way.binary_only and K > 1:
        return {"failed": "-"}
    if n * q * np.dtype(way.dtype).itemsize > LARGEST_TABLE:
        return {"failed": "-"}
    for (rows, columns, classes), entry in entries.items():
        if rows > n or columns > q or classes > K:
            continue
        if entry.get("failed") in (LATE, SKIPPED):
            return {"failed": SKIPPED}
        if entry.get("failed") == "memory":
            return entry
    known = [
        (s[0], entry["wall"]) for s, entry in entries.items() if s[1:] == (q, K) and "wall" in entry
    ]
    return {"failed": SKIPPED} if _expected(known[-2:], n) > LIMIT else None


def _expected(known, n):
    """Seconds at n rows on the line through two smaller sizes; nothing is known from one."""
    if len(known) < 2:
        return 0.0
    (a, before), (b, now) = known
    return now + (now - before) / (b - a) * (n - b)
