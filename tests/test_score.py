"""Fidelity: what a search over damping, method and solver maximises."""

import numpy as np
import pytest
from joblib import Memory
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.svm import LinearSVC

from skinfluence import InfluenceExplainer, SmoothHingeSVC
from skinfluence.explainer import _fidelity
from skinfluence.explainer._fidelity import audit_rows, lins_concordance, refitted_changes

rng = np.random.default_rng(0)
X = rng.normal(size=(90, 5))
y = (X[:, 0] + rng.normal(size=90) > 0).astype(int)
values = X[:, 0] + rng.normal(size=90)
X_test, y_test, values_test = X[60:], y[60:], values[60:]
X, y, values = X[:60], y[:60], values[:60]


def test_concordance_is_one_only_for_equality():
    a = rng.normal(size=50)
    assert lins_concordance(a, a) == pytest.approx(1.0, abs=1e-15)
    assert lins_concordance(-a + 2 * a.mean(), a) == pytest.approx(-1.0)
    assert lins_concordance(2 * a, a) < 0.9
    # Lin (1989), equation (1), by hand
    assert lins_concordance([1.0, 2.0, 3.0], [2.0, 4.0, 6.0]) == pytest.approx(4 / 11)


@pytest.mark.parametrize(
    "model", [LogisticRegression(), SmoothHingeSVC(temperature=0.5), LinearSVC(random_state=0)]
)
def test_refits_agree_with_refits(model):
    explainer = InfluenceExplainer(model, method="refit").fit(X, y)
    assert explainer.score(X_test, y_test) == pytest.approx(1.0, abs=1e-9)


def test_the_newton_step_of_ridge_is_a_refit():
    explainer = InfluenceExplainer(Ridge(), method="newton_step").fit(X, values)
    assert explainer.score(X_test, values_test) == pytest.approx(1.0, abs=1e-12)


def test_the_score_is_the_concordance_with_the_estimators_own_refits():
    model = Ridge()
    explainer = InfluenceExplainer(model, method="first_order").fit(X[:30], values[:30])
    # with 32 rows or fewer all are compared, in any order
    got = explainer.score(X_test, values_test)
    predicted = explainer.influence(X_test, values_test).mean(axis=0)
    whole = model.fit(X[:30], values[:30]).predict(X_test)
    actual = []
    for i in range(30):
        left = np.delete(np.arange(30), i)
        other = Ridge().fit(X[left], values[left]).predict(X_test)
        actual.append(np.mean((values_test - other) ** 2 - (values_test - whole) ** 2) / 2)
    assert got == pytest.approx(lins_concordance(predicted, actual), rel=1e-9)
    assert got < 0.999


def test_the_score_is_deterministic_and_falls_with_damping():
    def score(damping):
        return InfluenceExplainer(damping=damping).fit(X, y).score(X_test, y_test)

    scores = [score(d) for d in (0.0, 0.1, 1.0, 10.0)]
    assert scores == [score(d) for d in (0.0, 0.1, 1.0, 10.0)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0.95 and scores[-1] < 0.5


def test_a_search_over_damping_and_method_finds_the_truth():
    grid = {"damping": [1.0, 0.0], "method": ["first_order", "newton_step"]}
    search = GridSearchCV(InfluenceExplainer(Ridge()), grid, cv=3).fit(X, values)
    assert search.best_params_ == {"damping": 0.0, "method": "newton_step"}
    assert search.best_score_ == pytest.approx(1.0, abs=1e-9)


def test_a_search_reaches_the_solver_and_the_inner_estimator():
    grid = {"solver": ["cholesky", "eigh"], "estimator__C": [0.1, 1.0]}
    search = GridSearchCV(InfluenceExplainer(LogisticRegression()), grid, cv=3).fit(X, y)
    scores = search.cv_results_["mean_test_score"].reshape(2, 2)  # rows: C, columns: solver
    np.testing.assert_allclose(scores[:, 0], scores[:, 1], rtol=1e-9)
    assert abs(scores[0, 0] - scores[1, 0]) > 1e-4


def test_accuracy_ties_over_damping_and_fidelity_does_not():
    grid = {"damping": [0.0, 0.1, 1.0]}
    by_accuracy = GridSearchCV(InfluenceExplainer(), grid, scoring="accuracy", cv=3).fit(X, y)
    by_fidelity = GridSearchCV(InfluenceExplainer(), grid, cv=3).fit(X, y)
    accuracy = by_accuracy.cv_results_["mean_test_score"]
    own = cross_val_score(LogisticRegression(), X, y, cv=3).mean()
    np.testing.assert_allclose(accuracy, own)
    assert len(set(by_fidelity.cv_results_["mean_test_score"])) == 3


def test_refits_are_found_in_memory(tmp_path, monkeypatch):
    calls = []

    def counted(objective, edits, X, y, mean=False, n_jobs=None, verbose=0, width=None):
        calls.append(edits.n_edits)
        return refitted_changes(objective, edits, X, y, mean=mean)

    monkeypatch.setattr(_fidelity, "refitted_changes", counted)
    for damping in (0.0, 0.1, 1.0):
        for method in ("first_order", "newton_step"):
            explainer = InfluenceExplainer(
                damping=damping, method=method, memory=Memory(tmp_path, verbose=0)
            )
            explainer.fit(X, y).score(X_test, y_test)
    assert calls == [32]
    explainer.score(X_test[:10], y_test[:10])  # another question
    InfluenceExplainer(LogisticRegression(C=0.5), memory=Memory(tmp_path, verbose=0)).fit(
        X, y
    ).score(X_test, y_test)  # another model
    assert calls == [32, 32, 32]


def test_memory_as_a_path_gives_the_same_score(tmp_path):
    bare = InfluenceExplainer().fit(X, y).score(X_test, y_test)
    for _ in range(2):
        kept = InfluenceExplainer(memory=str(tmp_path)).fit(X, y).score(X_test, y_test)
        assert kept == bare
    assert any(tmp_path.rglob("output.pkl"))


def test_rows_of_weight_zero_are_not_compared():
    weights = np.ones(60)
    weights[:10] = 0.0
    explainer = InfluenceExplainer().fit(X, y, sample_weight=weights)
    rows = audit_rows(explainer.objective_)
    assert len(set(rows)) == 32 and rows.min() >= 10


def test_unseen_labels_are_refused():
    with pytest.raises(ValueError, match="not trained on"):
        InfluenceExplainer().fit(X, y).score(X_test, y_test + 1)
