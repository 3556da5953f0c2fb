"""What a newcomer waits for: the import, and the first answer on a small table.

Run alone: ``python -m benchmarks import_time``.
"""

from statistics import median

from benchmarks._processes import Child
from benchmarks._tables import Table, seconds

INTRODUCTION = (
    "Each round is a fresh process that imports scikit-learn's linear models, then skinfluence "
    "(which costs what it adds), and explains 100 test rows of a table of 500 x 20, twice. Wall "
    "time, medians after one round that fills the file caches."
)
STEPS = {
    "import_sklearn": "import sklearn.linear_model",
    "import_skinfluence": "import skinfluence, after it",
    "sklearn_fit": "LogisticRegression().fit, the first of the process",
    "first_call": "InfluenceExplainer.fit and influence, first call",
    "second_call": "InfluenceExplainer.fit and influence, second call",
}


def run(quick=False):
    """Time fresh processes; one table."""
    rounds = [_fresh_process() for _ in range(3 if quick else 9)][1:]
    rows = [[label, seconds(median(r[step] for r in rounds))] for step, label in STEPS.items()]
    for row in rows:
        print("  " + " | ".join(row), flush=True)
    return [Table("The first answer in a fresh process", ["step", "seconds"], rows)]


def _fresh_process():
    with Child("benchmarks._first_call", threads=1) as child:
        return child.ask()
