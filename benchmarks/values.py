"""Data values, influence and label scores: removal curves, wrong labels, efficiency.

Run alone: ``python -m benchmarks values``.
"""

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, log_loss
from sklearn.preprocessing import StandardScaler

from benchmarks._figures import Figure, line_style
from benchmarks._measure import timed
from benchmarks._processes import Child
from benchmarks._tables import Table
from skinfluence import InfluenceExplainer, LabelFlagger
from skinfluence.datasets import flip_labels
from skinfluence.targets import Mean
from skinfluence.valuation import data_banzhaf, data_shapley, knn_shapley

ROWS, REPEATS, FLIPPED = 80, 3, 0.1
PERMUTATIONS, SUBSETS = 20, 500
SHARES = np.arange(0.0, 0.51, 0.05)
ORDERS = ("influence", "data_shapley", "data_banzhaf", "knn_shapley", "label quality", "random")
INTRODUCTION = (
    f"{ROWS} random training rows, of whose labels a random tenth is flipped; as many validation "
    "rows, by which rows are valued (log loss; nearest neighbours: the score of knn_shapley), and "
    f"all other rows as test rows. Logistic regression, {REPEATS} repeats. The rows are removed in "
    "order of value, the most harmful first, and the model is fitted again. data_shapley has "
    f"{PERMUTATIONS} orders of the rows, data_banzhaf {SUBSETS:,} subsets; influence is that on "
    "the mean validation loss, label quality is LabelFlagger's, which sees no validation rows. "
    "Processor time of one thread."
)
TABLES = {
    "breast cancer": lambda: load_breast_cancer(return_X_y=True),
    "digits, 3 or 8": lambda: _two_digits(),
}


def run(quick=False):
    """A figure, a table of curves and one of sums."""
    found, sums = {}, []
    with Child("benchmarks.values", threads=1) as child:
        for table in list(TABLES)[:1] if quick else TABLES:
            settings = {"table": table, "quick": quick}
            repeats = [
                child.ask(do="repeat", seed=seed, **settings)
                for seed in range(2 if quick else REPEATS)
            ]
            found[table] = repeats
            sums += [[table, f"{seed}", *_sum_line(known)] for seed, known in enumerate(repeats)]
            print(f"  {table}: {sums[-1]}", flush=True)
    title = (
        "Test log loss by the share of the training rows that are removed, the most harmful "
        f"first; a tenth of the labels is wrong. Means of {len(repeats)} repeats."
    )
    figure = Figure("values", title, lambda canvas: _draw(canvas, found), (8.0, 3.6))
    columns = [
        "table",
        "repeat",
        "sum of the Shapley values",
        "score with all rows less without rows",
    ]
    columns += ["difference / standard error of the sum", "the same of knn_shapley, difference"]
    notes = [
        "Without truncation each order of the rows sums to the score exactly. With it (0.01, the "
        "default) the sum misses at most a hundredth of the difference; the standard error of the "
        "sum is that of the values, added in squares."
    ]
    return [figure, _table(found), Table("Efficiency", columns, sums, notes)]


def _table(found):
    columns = ["table", "order", "wrong labels, average precision", "s"]
    columns += [f"test log loss, {share:.0%} removed" for share in (0.0, 0.1, 0.2, 0.3)]
    lines = []
    for table, repeats in found.items():
        for order in ORDERS:
            precision = np.mean([known["precision"][order] for known in repeats])
            seconds = np.mean([known["seconds"][order] for known in repeats])
            loss = np.mean([known["loss"][order] for known in repeats], axis=0)
            places = [
                np.flatnonzero(np.isclose(SHARES, share))[0] for share in (0.0, 0.1, 0.2, 0.3)
            ]
            cells = [f"{loss[place]:.3f}" for place in places]
            lines.append([table, order, f"{precision:.2f}", f"{seconds:.2g}", *cells])
    return Table("Rows removed in order of value", columns, lines)


def _sum_line(known):
    total, wanted, error = known["sum"]
    return [
        f"{total:.4f}",
        f"{wanted:.4f}",
        f"{(total - wanted) / error:+.2f}",
        f"{known['knn']:.0e}",
    ]


def _draw(canvas, found):
    axes = np.atleast_1d(canvas.subplots(1, len(found)))
    for ax, (table, repeats) in zip(axes, found.items(), strict=True):
        for i, order in enumerate(ORDERS):
            loss = np.mean([known["loss"][order] for known in repeats], axis=0)
            ax.plot(100 * SHARES, loss, label=order, **line_style(i))
        ax.set_title(table)
        ax.set_xlabel("training rows removed (%)")
    axes[0].set_ylabel("test log loss")
    axes[-1].legend(fontsize=8)


def _two_digits():
    X, y = load_digits(return_X_y=True)
    some = np.isin(y, (3, 8))
    return X[some], (y[some] == 8).astype(int)


def _repeat(table, seed, quick):
    """Values, curves and sums of one draw of the rows."""
    X, y = TABLES[table]()
    n = 40 if quick else ROWS
    rows = np.random.default_rng(seed).permutation(len(y))
    train, valid, test = np.split(rows, [n, 2 * n])
    X = StandardScaler().fit(X[train]).transform(X)
    labels, wrong = flip_labels(y[train], FLIPPED, random_state=seed)
    given = X[train], labels, X[valid], y[valid]
    settings = {"scoring": "neg_log_loss", "random_state": seed}
    model = LogisticRegression()
    orders, subsets = (4, 50) if quick else (PERMUTATIONS, SUBSETS)

    def influence():
        explainer = InfluenceExplainer(model).fit(X[train], labels)
        return explainer.influence(X[valid], y[valid], target=Mean("loss"))[0]

    def shapley():
        return data_shapley(model, *given, n_permutations=orders, **settings)

    def quality():
        return LabelFlagger(model).fit(X[train], labels).label_quality_

    ways = {
        "influence": influence,
        "data_shapley": shapley,
        "data_banzhaf": lambda: data_banzhaf(model, *given, n_subsets=subsets, **settings),
        "knn_shapley": lambda: knn_shapley(*given),
        "label quality": quality,
        "random": lambda: np.random.default_rng(seed).random(n),
    }
    out = {"precision": {}, "seconds": {}, "loss": {}}
    for order, way in ways.items():
        made, spent = timed(way)
        values = getattr(made, "values", made)
        out["seconds"][order] = spent["cpu"]
        out["precision"][order] = float(average_precision_score(wrong, -values))
        ranking = np.argsort(values, kind="stable")
        out["loss"][order] = [
            _loss(model, X, y, train, labels, test, ranking[round(share * n) :]) for share in SHARES
        ]
        if order == "data_shapley":
            error = float(np.sqrt((made.standard_error**2).sum()))
            out["sum"] = [float(values.sum()), made.score - made.empty_score, error]
        if order == "knn_shapley":
            out["knn"] = _missing_of_neighbours(*given, values)
    return out


def _loss(model, X, y, train, labels, test, kept):
    left = train[kept]
    if len(np.unique(labels[kept])) < 2:
        return float("nan")
    fitted = model.fit(X[left], labels[kept])
    return float(log_loss(y[test], fitted.predict_proba(X[test])))


def _missing_of_neighbours(X, y, X_test, y_test, values):
    """What the sum of nearest-neighbour values lacks of the score of all rows."""
    distance = ((X_test[:, None] - X[None]) ** 2).sum(axis=2)
    nearest = np.argsort(distance, axis=1, kind="stable")[:, :5]
    return float(abs(values.sum() - (y[nearest] == y_test[:, None]).mean()))
