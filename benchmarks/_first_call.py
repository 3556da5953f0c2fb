"""Served by a fresh process: seconds from the import to the first answer on 500 rows."""

from time import perf_counter

start = perf_counter()
from sklearn.linear_model import LogisticRegression  # noqa: E402

import_sklearn = perf_counter()
from skinfluence import InfluenceExplainer  # noqa: E402

import_skinfluence = perf_counter()


def handle(request):
    import numpy as np

    rng = np.random.default_rng(0)
    X = rng.standard_normal((600, 20))
    y = (X[:, 0] + rng.logistic(size=600) > 0).astype(int)
    seconds = {
        "import_sklearn": import_sklearn - start,
        "import_skinfluence": import_skinfluence - import_sklearn,
    }
    watch = perf_counter()
    LogisticRegression().fit(X[:500], y[:500])
    seconds["sklearn_fit"] = perf_counter() - watch
    for call in ("first_call", "second_call"):
        watch = perf_counter()
        explainer = InfluenceExplainer(LogisticRegression()).fit(X[:500], y[:500])
        explainer.influence(X[500:], y[500:])
        seconds[call] = perf_counter() - watch
    return seconds
