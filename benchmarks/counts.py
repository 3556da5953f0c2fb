"""Claims of many insurance policies: what questions to a Poisson regression cost.

Run alone: ``python -m benchmarks counts``.
"""

from benchmarks._processes import Child
from benchmarks._tables import Table, ratio

N_TEST = 100
INTRODUCTION = (
    "Policies made up like those of motor insurance: four numbers and five categories (44 "
    "columns), claims a year with the exposure as weight, PoissonRegressor(alpha=1e-6, "
    'solver="newton-cholesky", tol=1e-8). Processor time on one thread.'
)
QUESTIONS = {
    "mean": "effect of each row on the mean loss of 100 test rows, first order",
    "top": "ten strongest rows of each of 100 test rows, Newton step",
    "own": "effect of each row on its own loss, Newton step",
    "diagnostics": "leverages, residuals and Cook's distances of all rows",
}


def run(quick=False):
    """One table."""
    sizes = (2_000,) if quick else (50_000, 500_000)
    found = {n: _times(n, 20 if quick else N_TEST) for n in sizes}
    lines = [[name, *(found[n][name] for n in sizes)] for name in found[sizes[0]]]
    columns = ["seconds", *(f"{n:,} policies" for n in sizes)]
    notes = ["The last two lines compare refits without one row, for 100 and for two rows."]
    return [Table("A Poisson regression of claims", columns, lines, notes)]


def _times(n, n_test):
    with Child("benchmarks._counts_child", threads=1) as child:
        child.ask(do="prepare", n=n, n_test=n_test)
        out = {"scikit-learn's fit": f"{child.ask(do='fit')['cpu']:.2g}"}
        out["explainer's fit and its Hessian"] = f"{child.ask(do='explain')['cpu']:.2g}"
        for what, said in QUESTIONS.items():
            out[said] = f"{child.ask(do='ask', what=what)['cpu']:.2g}"
        refits = child.ask(do="leave_out", count=10 if n < 10_000 else 100)
        out["exact refit without one row"] = f"{refits['cpu']:.2g}"
        out["scikit-learn's refit / exact refit"] = ratio(refits["theirs"] / refits["cpu"])
        out["largest difference, relative"] = f"{refits['error']:.0e}"
    print(f"  {n:,}: {out}", flush=True)
    return out
