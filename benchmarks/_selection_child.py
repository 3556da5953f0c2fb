"""Serves the benchmark of relative influence and diverse rows: MNIST, ten classes."""

import importlib.util

import numpy as np
from scipy.special import log_softmax
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from benchmarks._cases import Case
from benchmarks._measure import timed
from benchmarks._real_data import loaders
from skinfluence import InfluenceExplainer
from skinfluence.effects import RowEdits, refit
from skinfluence.explainer import change_lengths
from skinfluence.selection import relative_influence, select_diverse, top_relative_influences
from skinfluence.selection._diversity import FacilityLocation
from skinfluence.selection._similarity import RBFSimilarity

WAYS = ("influence", "theta", "loss")
ORDERS = ("helpful", "magnitude")

_state = {}

#: Influence and diversity weigh alike in the picture.
GAMMA_SHOWN = 1.0


def _timed(work):
    """What `work` returns, and the processor time it took: with one thread, seconds of quiet."""
    made, times = timed(work)
    return made, times["cpu"]


def _pooled(images, pool):
    """Squares of `pool` x `pool` pixels as one, their mean."""
    side = 28 // pool
    squares = images.astype(float).reshape(-1, side, pool, side, pool)
    return squares.mean(axis=(2, 4)).reshape(len(images), -1)


def _model(n, weight_decay, tol):
    return LogisticRegression(
        C=1 / (n * weight_decay), fit_intercept=False, tol=tol, max_iter=10_000
    )


def _fit(weight_decay, pool, rows, n_tests):
    """Fit, polish, factorise; the test rows are drawn at random."""
    X, y, X_test, y_test = loaders().mnist(paper=True)
    X, y = _pooled(X[:rows], pool), y[:rows]
    X_test = _pooled(X_test, pool)
    model = _model(len(y), weight_decay, 1e-6)
    # weight decay belongs to the mean loss, as in Koh & Liang: it shrinks as rows leave
    explainer = InfluenceExplainer(
        model, solver="cholesky", method="first_order", penalty_scaling="mean"
    )
    _, fitted = _timed(lambda: explainer.fit(X, y))
    _, factorised = _timed(lambda: explainer.linearization_.inverse)
    tests = np.random.default_rng(0).choice(len(y_test), n_tests, replace=False)
    _state.update(
        weight_decay=weight_decay,
        X=X,
        y=y,
        X_test=X_test,
        y_test=y_test,
        explainer=explainer,
        tests=tests,
    )
    return {
        "rows": len(y),
        "parameters": explainer.objective_.n_parameters,
        "seconds": fitted,
        "factorised": factorised,
    }


def _tests(count=None):
    tests = _state["tests"][:count]
    return _state["X_test"][tests], _state["y_test"][tests]


def _lengths(kind):
    return _timed(lambda: change_lengths(_state["explainer"].linearization_, kind))[1]


def _strongest(way, X, y, k, order):
    explainer = _state["explainer"]
    if way == "influence":
        return explainer.top_influences(X, y, k=k, order=order)[0]
    return top_relative_influences(explainer, X, y, k=k, kind=way, order=order)[0]


def _top(way, order, k, count=None):
    """Seconds for the k strongest rows of the test rows; the rows are kept for what follows."""
    found, passed = _timed(lambda: _strongest(way, *_tests(count), k, order))
    if count is None:
        _state[way, order] = found
    return passed


def _diverse(n_select, diversity, gamma, order="magnitude", n_reference=1000):
    """Greedy picks; their seconds with the scores, and both parts of the objective."""
    settings = {"diversity": diversity, "gamma": gamma, "order": order}
    found, passed = _timed(
        lambda: select_diverse(
            _state["explainer"], n_select, *_tests(), n_reference=n_reference, **settings
        )
    )
    _state["diverse", order] = found.rows
    return {
        "seconds": passed,
        "gamma": found.gamma,
        "influence": found.influence[-1],
        "diversity": found.diversity[-1],
        "rows": found.rows.tolist(),
    }


def _sampled(n_select, gamma, n_rows, sizes):
    """Facility location among the first rows: what picks by a sample are worth with all rows."""
    explainer, rows = _state["explainer"], np.arange(n_rows)
    settings = {"diversity": "facility_location", "gamma": gamma, "rows": rows}
    out = {}
    for size in (*sizes, None):
        found, passed = _timed(
            lambda size=size: select_diverse(
                explainer, n_select, *_tests(), n_reference=size, **settings
            )
        )
        similarity = RBFSimilarity(explainer.fitted_model_.X, found.length_scale, rows, 0)
        everyone = FacilityLocation(
            similarity, found.rows, n_select, rows, np.full(n_rows, 1 / n_rows)
        )
        for place in range(n_select):
            everyone.pick(place)
        out["all" if size is None else f"{size:,}"] = {
            "seconds": passed,
            "said": found.diversity[-1],
            "worth": everyone.value,
            "objective": found.influence[-1] + gamma * everyone.value,
        }
    return out


def _first_distinct(ranked, count):
    """The first `count` different rows: all first places, then all second places ..."""
    order = ranked.T.ravel()
    _, first = np.unique(order, return_index=True)
    return order[np.sort(first)][:count]


def _groups(count):
    """What is removed: (way, order) -> as many different training rows each."""
    ways = [(way, order) for order in ORDERS for way in WAYS]
    groups = {key: _first_distinct(_state[key], count) for key in ways}
    groups["diverse", "helpful"] = _state["diverse", "helpful"]
    n = len(_state["y"])
    groups["random", ""] = np.random.default_rng(1).choice(n, count, replace=False)
    return groups


def _judge(raw):
    """Losses and accuracy on the test rows that were asked about ("own") and on all."""
    y = _state["y_test"]
    log_p = log_softmax(raw, axis=1)
    losses = -log_p[np.arange(len(y)), y]
    # of probabilities that go through the softmax once more
    twice = -log_softmax(np.exp(log_p), axis=1)[np.arange(len(y)), y]
    own = _state["tests"]
    return {
        "own": float(losses[own].mean()),
        "own twice": float(twice[own].mean()),
        "all": float(losses.mean()),
        "accuracy": float((raw.argmax(axis=1) == y).mean()),
    }


def _retrain(count):
    """Test losses of the models without each group, by our refits from the full optimum."""
    explainer, groups = _state["explainer"], _groups(count)
    objective, inverse = explainer.objective_, explainer.linearization_.inverse
    predictor = explainer.fitted_model_.predictor(_state["X_test"])
    edits = RowEdits.groups(list(groups.values()))
    moved, passed = _timed(lambda: refit(objective, inverse, edits))
    out = {"seconds": passed, "full": _judge(objective.raw_predictions(predictor)), "groups": []}
    for (way, order), rows, delta in zip(
        groups, groups.values(), moved.coef_changes(), strict=True
    ):
        judged = _judge(objective.with_coef(objective.coef + delta).raw_predictions(predictor))
        out["groups"].append(judged | {"way": way, "order": order, "rows": len(rows)})
    return out


def _check(way, order, count):
    """The losses without one group, by scikit-learn from scratch at a tight tolerance."""
    rows = _groups(count)[way, order]
    kept = np.delete(np.arange(len(_state["y"])), rows)
    model = _model(len(kept), _state["weight_decay"], 1e-8)
    fitted, passed = _timed(lambda: model.fit(_state["X"][kept], _state["y"][kept]))
    return {"seconds": passed} | _judge(fitted.decision_function(_state["X_test"]))


def _alone(count):
    """Mean change of a test row's loss without its strongest helpful row alone, refitted."""
    X, y = _tests(count)
    out = {}
    for way in WAYS:
        strongest = _state[way, "helpful"][:count, 0]
        rows, place = np.unique(strongest, return_inverse=True)
        found = _state["explainer"].influence(X, y, method="refit", rows=rows)
        out[way] = float(found[np.arange(count), place].mean())
    return out


def _describe():
    """How often the strongest rows repeat, and how often they have the test row's label."""
    y, tests = _state["y"], _state["y_test"][_state["tests"]]
    out = {}
    for way in WAYS:
        first = _state[way, "magnitude"][:, 0]
        rows, counts = np.unique(first, return_counts=True)
        out[way] = {
            "different": len(rows),
            "most": int(counts.max()),
            "same": float((y[first] == tests).mean()),
        }
    return out


def _pictures(tests, k=3):
    """Strongest rows of some test rows by every way, for the figure."""
    X, y = _state["X_test"][tests], _state["y_test"][tests]
    found = {way: _strongest(way, X, y, k, "magnitude") for way in WAYS}
    explainer = _state["explainer"]
    picked = [
        select_diverse(explainer, k, X[[t]], y[[t]], gamma=GAMMA_SHOWN).rows for t in range(len(y))
    ]
    found["diverse"] = np.array(picked)
    return {
        "labels": y.tolist(),
        "given": {way: _state["y"][rows].tolist() for way, rows in found.items()},
        "images": {way: np.round(_state["X"][rows], 3).tolist() for way, rows in found.items()},
        "tests": np.round(X, 3).tolist(),
    }


def _peer(n, n_test, columns):
    """dattri's relative influence of a few rows beside ours: seconds, and how far apart."""
    if importlib.util.find_spec("dattri") is None:
        return {}
    from benchmarks.peers import dattri

    X, X_test = (_state[name][:, ::columns].copy() for name in ("X", "X_test"))
    y, y_test = _state["y"], _state["y_test"]
    out = {"rows": n, "tests": n_test}
    for size in (50, n):  # the first call imports and warms up
        model = _model(size, 0.01, 1e-10).fit(X[:size], y[:size])
        case = Case("mnist", "", X[:size], y[:size], X_test[:n_test], y_test[:n_test], model)
        for kind in ("theta", "loss"):
            out[kind] = _beside_dattri(dattri, case, kind)
    return out | {"parameters": int(model.coef_.size)}


def _beside_dattri(dattri, case, kind):
    theirs, slow = _timed(lambda: dattri.relative(case, {"theta": "theta", "loss": "l"}[kind]))

    def ours():
        frozen = FrozenEstimator(case.estimator)
        explainer = InfluenceExplainer(frozen, solver="cholesky").fit(case.X, case.y)
        return relative_influence(explainer, case.X_test, case.y_test, kind=kind)

    found, fast = _timed(ours)
    if kind == "loss":
        theirs = theirs / np.sqrt(len(case.X))  # its Hessian is the mean's
    far = np.abs(theirs - found).max() / np.abs(found).max()
    return {"theirs": slow, "ours": fast, "difference": float(far)}
