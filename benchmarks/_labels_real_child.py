"""Serves labels that people got wrong: music genres, digits, newsgroups, house prices."""

import warnings

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._labels_ways import WAYS, Trial
from benchmarks._real_data import loaders
from benchmarks.peers import cleanlab
from skinfluence import InfluenceExplainer
from skinfluence.labels import LabelFlagger

warnings.simplefilter("ignore")

#: Without the racial variable B of the published table.
HOUSE_COLUMNS = "CRIM ZN INDUS CHAS NOX RM AGE DIS RAD TAX PTRATIO LSTAT".split()


def handle(request):
    """Answer one request of `benchmarks/_labels_real.py`."""
    return {"genres": _genres, "doubted": _doubted, "prices": _prices}[request.pop("do")](**request)


def _genres(ways, seed):
    """Average precision for the majority votes that are wrong; the true genres are known."""
    data = loaders().music_genre()
    _, codes = np.unique(np.r_[data["y_true"], data["y_majority"]], return_inverse=True)
    truth, given = codes[: len(data["X"])], codes[len(data["X"]) :]
    trial = Trial(data["X"].astype(float), given, seed)
    return {
        name: float(average_precision_score(truth != given, trial.run(WAYS[name])[0].score))
        for name in ways
    }


def _doubted(source, ways, seed, rows):
    """Where rows stand whose given label has fewer than three of five votes.

    The flaggers judge the voted rows and others drawn from the same test set.
    """
    X, y, votes = _newsgroups() if source == "newsgroups" else _digits()
    voted, doubted = votes[:, 0], votes[:, 1] < 3
    others = np.setdiff1d(np.arange(len(y)), voted)
    others = np.random.default_rng(seed).permutation(others)[: rows - len(voted)]
    drawn = np.r_[voted, others]
    y = np.unique(y[drawn], return_inverse=True)[1]
    trial, found = Trial(X[drawn], y, seed), {}
    for name in ways:
        score = trial.run(WAYS[name])[0].score
        place = np.argsort(np.argsort(-score, kind="stable")) / len(score)
        found[name] = {
            "auc": float(roc_auc_score(doubted, score[: len(voted)])),
            "median": float(np.median(place[: len(voted)][doubted])),
        }
    return found | {"doubted": int(doubted.sum()), "voted": len(voted)}


def _digits():
    """Test rows and (row, votes for the given label)."""
    _, _, X, y = loaders().mnist()
    return X.astype(float), y, _votes(loaders().mnist_label_errors())


def _newsgroups():
    _, _, X, y, _ = loaders().newsgroups20()
    return X[:, X.getnnz(axis=0) > 2], y, _votes(loaders().newsgroups20_label_errors())


def _votes(table):
    """(row of the test set, votes of five for the given label), shape (m, 2)."""
    return table[["test_row", "votes_given"]].to_numpy()


def _prices():
    """How many rows stand before each of the eight wrong prices, by way; and which are flagged."""
    table = loaders().boston_corrected()
    X, y = table[HOUSE_COLUMNS].to_numpy(dtype=float), table["MEDV"].to_numpy()
    off = (table["MEDV"] - table["CMEDV"]).to_numpy()
    wrong = off != 0
    found = {"rows": {"off": off[wrong].tolist()}}
    for name, way in REGRESSION_WAYS.items():
        score, flagged = way(X, y, 0)
        place = np.argsort(np.argsort(-score, kind="stable")) + 1
        found[name] = {
            "places": place[wrong].tolist(),
            "precision": float(average_precision_score(wrong, score)),
            "flagged": None if flagged is None else int(flagged.sum()),
        }
    return found


def _ours(X, y, seed):
    flagger = LabelFlagger(random_state=seed).fit(X, y)
    return flagger.scores_, flagger.flagged_


def _ours_linear(X, y, seed):
    estimator = make_pipeline(StandardScaler(), LinearRegression())
    flagger = LabelFlagger(estimator, random_state=seed).fit(X, y)
    return flagger.scores_, flagger.flagged_


def _cook(X, y, seed):
    explainer = InfluenceExplainer(LinearRegression()).fit(X, y)
    return np.asarray(explainer.diagnostics(dfbetas=False)["cooks_distance"]), None


def _cleaned(make):
    return lambda X, y, seed: cleanlab.wrong_values(make(seed), X, y, seed)


REGRESSION_WAYS = {
    "ours": _ours,
    "ours linear": _ours_linear,
    "cleanlab linear": _cleaned(lambda seed: LinearRegression()),
    "cleanlab trees": _cleaned(lambda seed: ExtraTreesRegressor(50, random_state=seed)),
    "cleanlab boosting": _cleaned(lambda seed: HistGradientBoostingRegressor(random_state=seed)),
    "cook": _cook,
}
