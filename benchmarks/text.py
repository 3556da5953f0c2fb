"""20 newsgroups, 447,680 parameters: top influences without ever forming the Hessian.

Run alone: ``python -m benchmarks text``; needs the larger data sets (see _real_data.py).
"""

from importlib.util import find_spec

from benchmarks._processes import Child
from benchmarks._tables import Table, megabytes, seconds

N_TEST, K, N_EXACT = 100, 20, 2
#: Seconds that a package may take for one test row, of the hundred.
LIMIT = 60.0
#: (package, function, label) that solve without forming the Hessian.
PEERS = [
    ("pydvl", "conjugate_gradients", "pyDVL CgInfluence"),
    ("dattri", "conjugate_gradients", "dattri IFAttributorCG"),
    ("kronfluence", "ekfac", "kronfluence EK-FAC"),
]

#: Skipped without the larger data sets (see _real_data.py).
NEEDS_DATA = True

INTRODUCTION = (
    "20 newsgroups, word counts as they are (11,314 rows in CSR, 22,384 words, 20 classes), "
    "LogisticRegression(C=0.1, fit_intercept=False). From the fitted estimator to the 20 strongest "
    "of all first-order influences on each of 100 test rows, at scikit-learn's coefficients; one "
    "thread, a process for each line. Memory is the largest resident size of the whole process "
    "(table, fit and all) beyond the imports. The Hessian alone would take 1.6 TB. Errors are of "
    "the strongest influences of two test rows, relative to the largest, against conjugate "
    "gradients in plain numpy and scipy to a residual of 1e-10. The packages on torch take no "
    "scipy matrix: they are asked for one test row, on the table made dense (2.0 GB), and stopped "
    f"after {LIMIT:.0f} s. Those that factorise the Hessian, and pyinfluence (two classes only), "
    "cannot answer."
)


def run(quick=False):
    """One table."""
    lines = [_ours("auto", quick)]
    for package, function, label in PEERS:
        if find_spec(package):
            lines.append(_peer(package, function, label, quick))
    columns = ["way", "test rows", "seconds", "memory", "iterations", "error", "same rows"]
    return [Table("Top influences on 20 newsgroups", columns, lines)]


def _fit(child, quick):
    made = child.ask(do="fit", data="newsgroups", quick=quick, C=0.1, max_iter=200)
    print(f"  scikit-learn: {made}", flush=True)


def _ours(solver, quick):
    n_test = 10 if quick else N_TEST
    with Child("benchmarks._real_child", threads=1) as child:
        _fit(child, quick)
        made = child.ask(do="explain", solver=solver)
        answer = child.ask(do="top", solver=solver, n_test=n_test, k=K)
        print(f"  {solver}: {answer}", flush=True)
        agreement = child.ask(do="top_error", n_exact=N_EXACT, tol=1e-10)
    took = f" (took {answer['solver']})" if answer["solver"] != solver else ""
    return [
        f"skinfluence, {solver}{took}",
        f"{n_test}",
        seconds(made["seconds"] + answer["seconds"]),
        megabytes(answer["peak"]),
        f"{answer['iterations']}",
        f"{agreement['error']:.0e}",
        f"{agreement['found']} of {agreement['of']}",
    ]


def _peer(package, function, label, quick):
    with Child("benchmarks._real_child", threads=1) as child:
        _fit(child, quick)
        child.ask(do="densify")
        try:
            answer = child.ask(
                within=10.0 if quick else LIMIT,
                do="peer",
                package=package,
                function=function,
                n_test=1,
            )
        except TimeoutError:
            answer = {"failed": "did not finish"}
        except RuntimeError:  # the system ended it
            answer = {"failed": "out of memory"}
    print(f"  {label}: {answer}", flush=True)
    if "failed" in answer:
        return [label, "1", answer["failed"][:80].replace("\n", " "), "", "", "", ""]
    return [label, "1", seconds(answer["seconds"]), megabytes(answer["peak"]), "", "", ""]
