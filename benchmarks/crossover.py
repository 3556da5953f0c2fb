"""Which solver is fastest: p parameters, m right-hand sides.

Run alone: ``python -m benchmarks crossover``.
"""

from benchmarks._figures import COLOURS, Figure
from benchmarks._processes import Child
from benchmarks._tables import Table, seconds

ROWS = 4_000
#: {classes: columns}
COLUMNS = {1: (100, 300, 1_000, 3_000, 8_000), 10: (10, 30, 100, 300, 800)}
RIGHT = (1, 10, 100, 1_000)
SOLVERS = ("cholesky", "woodbury", "cg")
#: Seconds for one solver at one size; larger sizes are then left out.
LIMIT = 20.0
#: Rows times classes above which the matrix of "woodbury" does not fit.
WOODBURY = 12_000

INTRODUCTION = (
    f"Seconds from the Hessian of {ROWS:,} rows to the solutions of m right-hand sides, gradients "
    "of test rows, preparation included; one thread; the lesser of two for what takes less than a "
    "second. The table is that of the scaling benchmark: columns of scales from 1 to 0.1 and five "
    f"common factors. A solver has {LIMIT:.0f} s for each entry; '-' took longer, here or "
    "with fewer columns, or does not fit the memory. cholesky and woodbury are exact, cg "
    "stops at its tolerance, a residual of 1e-8. 'auto' is what "
    'solver="auto" takes for a first question of first order with m test rows.'
)


def run(quick=False):
    """Two tables (two classes, ten) and a figure."""
    columns = {K: sizes[:2] if quick else sizes for K, sizes in COLUMNS.items()}
    right = RIGHT[:2] if quick else RIGHT
    n = 500 if quick else ROWS
    found, choices = {}, {}
    for K, sizes in columns.items():
        # as many right-hand sides as a solver had the time for at the size before
        left = {solver: right for solver in SOLVERS if solver != "woodbury" or K * n <= WOODBURY}
        for q in sizes:
            for solver, asked in left.items():
                times = _measure(solver, n, q, K, asked) if asked else {}
                found |= {(solver, q, K, m): entry for m, entry in times.items()}
                left[solver] = tuple(times)
            choices |= {(q, K, m): choice for m, choice in _choices(n, q, K, right).items()}
            print(f"  K = {K}, {q} columns: {[choices[q, K, m] for m in right]}", flush=True)
    tables = [_table(found, choices, n, K, sizes, right) for K, sizes in columns.items()]
    return [_figure(found, choices, columns, right), *tables]


def _measure(solver, n, q, K, right):
    """{m: seconds} for as many right-hand sides as the time allows."""
    times = {}
    with Child("benchmarks._crossover_child", threads=1) as child:
        # nothing is compiled later: the iterative solvers compile for large tables only
        small = {"n": 300, "q": 5} if solver in ("cholesky", "woodbury") else {"n": 2000, "q": 2200}
        child.ask(do="make", K=K, n_right=2, **small)
        child.ask(do="solve", solver=solver, n_right=2)
        child.ask(do="make", n=n, q=q, K=K, n_right=max(right))
        for m in right:
            try:
                entry = child.ask(do="solve", within=LIMIT, solver=solver, n_right=m)
                if entry["seconds"] < 1.0:
                    again = child.ask(do="solve", solver=solver, n_right=m)
                    entry["seconds"] = min(entry["seconds"], again["seconds"])
            except TimeoutError:
                break
            times[m] = entry
    return times


def _choices(n, q, K, right):
    with Child("benchmarks._crossover_child", threads=1) as child:
        child.ask(do="make", n=n, q=q, K=K, n_right=1)
        return {m: child.ask(do="choice", n_right=m) for m in right}


def _table(found, choices, n, K, sizes, right):
    lines = []
    for q in sizes:
        for m in right:
            entries = [found.get((solver, q, K, m)) for solver in SOLVERS]
            known = [entry["seconds"] for entry in entries if entry]
            cells = [_cell(entry, min(known, default=0.0)) for entry in entries]
            lines.append([f"{K * q:,}", f"{m:,}", *cells, choices[q, K, m]])
    classes = f"{K} classes" if K > 1 else "two classes"
    columns = ["parameters", "m", *SOLVERS, "auto"]
    notes = ["An asterisk marks the fastest."]
    return Table(f"Seconds for m right-hand sides, {n:,} rows, {classes}", columns, lines, notes)


def _cell(entry, least):
    if entry is None:
        return "-"
    return seconds(entry["seconds"]) + ("*" if entry["seconds"] == least else "")


def _figure(found, choices, columns, right):
    """Seconds against p, a panel for each K and m; a ring where "auto" would be."""

    def draw(figure):
        axes = figure.subplots(len(columns), len(right), squeeze=False, sharex=True, sharey=True)
        for (K, sizes), row in zip(columns.items(), axes, strict=True):
            for m, ax in zip(right, row, strict=True):
                _panel(ax, found, choices, K, sizes, m)
            row[0].set_ylabel("seconds")
        for ax in axes[-1]:
            ax.set_xlabel("parameters")
        lines, labels = axes[0][0].get_legend_handles_labels()
        figure.legend(lines, labels, loc="outside upper center", ncols=len(labels), frameon=False)

    title = (
        "Seconds from the Hessian to m solved right-hand sides; grey rings: the choice of "
        'solver="auto".'
    )
    return Figure("crossover", title, draw, (11.0, 5.5))


def _panel(ax, found, choices, K, sizes, m):
    for solver, colour in zip(SOLVERS, COLOURS, strict=False):
        points = [
            (K * q, found[solver, q, K, m]["seconds"]) for q in sizes if (solver, q, K, m) in found
        ]
        if points:
            ax.loglog(*zip(*points, strict=True), "o-", color=colour, ms=3, label=solver)
    chosen = [
        (K * q, found[choices[q, K, m], q, K, m]["seconds"])
        for q in sizes
        if (choices[q, K, m], q, K, m) in found
    ]
    if chosen:
        ax.loglog(*zip(*chosen, strict=True), "o", ms=9, mfc="none", mec="grey")
    ax.set_title(f"{'two classes' if K == 1 else f'{K} classes'}, m = {m:,}", fontsize=9)
    ax.grid(alpha=0.3)
