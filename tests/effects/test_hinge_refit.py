"""Hinge machines: every effect is what LinearSVC's own refit says, at whatever temperature."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.svm import LinearSVC

from skinfluence import InfluenceExplainer
from skinfluence.components import influence_components
from skinfluence.effects._refits import _hinge
from skinfluence.groups import group_influence, most_influential_group, smallest_flipping_set
from skinfluence.metrics import loo_concordance
from skinfluence.perturbation import (
    perturbation_influence,
    relabel_influence,
    replacement_influence,
)
from skinfluence.selection import (
    relative_influence,
    select_diverse,
    select_prototypes,
    top_relative_influences,
)

RNG = np.random.default_rng(0)
X = RNG.standard_normal((120, 4))
LATENT = X[:, 0] + 0.6 * RNG.standard_normal(120)
LABELS = {
    "two classes": (LATENT > 0).astype(int),
    "three classes": np.digitize(LATENT, [-0.5, 0.5]),
}
WEIGHTS = RNG.uniform(0.3, 2.0, 120)
X_TEST = RNG.standard_normal((6, 4))
Y_TEST = np.array([0, 1, 0, 1, 1, 0])


def machine(**settings):
    return LinearSVC(loss="hinge", C=0.1, tol=1e-10, max_iter=10**7, random_state=0, **settings)


def hinge_losses(fitted):
    raw = fitted.decision_function(X_TEST).reshape(len(X_TEST), -1)
    two = raw.shape[1] == 1
    sign = 2 * (Y_TEST == 1)[:, None] - 1 if two else 2 * (Y_TEST[:, None] == np.arange(3)) - 1
    return np.maximum(1.0 - sign * raw, 0.0).sum(axis=1)


def refitted(model, rows, y, weights):
    """Change of the test losses of LinearSVC's own fit to other rows."""
    fit = model.fit(X[rows], y[rows], None if weights is None else weights[rows])
    after = hinge_losses(fit)
    return after - hinge_losses(model.fit(X, y, weights))


def agree(got, want):
    assert np.abs(got - want).max() < 2e-7 * np.abs(want).max()


@pytest.mark.parametrize("classes", LABELS)
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.filterwarnings("ignore:.*its hinge is far from the smooth hinge")
def test_the_default_is_the_refit_of_the_hinge(classes, weighted, class_weight):
    y, weights, model = LABELS[classes], WEIGHTS if weighted else None, machine()
    model.set_params(class_weight=class_weight)
    rows, groups = np.arange(0, 120, 15), [np.arange(20), np.arange(40, 90)]
    kept = [np.delete(np.arange(120), gone) for gone in [*rows, *groups]]
    want = np.array([refitted(model, left, y, weights) for left in kept]).T
    for temperature in (0.001, 0.1):
        explainer = InfluenceExplainer(model, temperature=temperature).fit(X, y, weights)
        assert explainer.resolve_method() == explainer.health().method == "refit"
        agree(explainer.influence(X_TEST, Y_TEST, rows=rows), want[:, : len(rows)])
        agree(group_influence(explainer, groups, X_TEST, Y_TEST), want[:, len(rows) :])


@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_replaced_and_relabelled_rows_are_those_of_the_hinge(class_weight):
    y, model = LABELS["two classes"], machine(class_weight=class_weight)
    explainer = InfluenceExplainer(model).fit(X, y)
    rows, labels, new = np.array([3, 7, 11]), 1 - y[[3, 7, 11]], X_TEST[:3]
    before = hinge_losses(model.fit(X, y))
    want = np.empty((2, 6, 3))
    for b, row in enumerate(rows):
        changed, other = X.copy(), y.copy()
        other[row] = labels[b]
        want[0, :, b] = hinge_losses(model.fit(X, other)) - before
        changed[row] = new[b]
        want[1, :, b] = hinge_losses(model.fit(changed, other)) - before
    agree(relabel_influence(explainer, X_TEST, Y_TEST, labels, rows=rows), want[0])
    agree(replacement_influence(explainer, rows, new, labels, X_TEST, Y_TEST), want[1])


@pytest.mark.parametrize("kind", ["repeated", "rounded", "sparse", "wide", "scaled", "hard margin"])
@pytest.mark.filterwarnings("ignore:.*its hinge is far from the smooth hinge")
def test_removals_follow_the_hinge_on_hard_tables(kind):
    rng, y, C = np.random.default_rng(1), LABELS["two classes"], 0.1
    table = {
        "repeated": np.repeat(X[:40], 3, axis=0),
        "rounded": np.round(X),
        "wide": np.column_stack([X, rng.standard_normal((120, 200))]),
        "scaled": X * [1.0, 100.0, 0.01, 1.0],
    }.get(kind, X)
    y = np.repeat(y[:40], 3) if kind == "repeated" else y
    if kind == "hard margin":
        y, C = (X[:, 0] > 0).astype(int), 1e4
    model = machine().set_params(C=C)
    given = sparse.csr_array(table) if kind == "sparse" else table
    explainer = InfluenceExplainer(model).fit(given, y)
    fit = model.fit(table, y)
    own = np.append(fit.coef_, fit.intercept_)
    rows = np.arange(0, 120, 17)
    moved = explainer.coef_influence(rows=rows)
    for change, row in zip(moved, rows, strict=True):
        fit = model.fit(np.delete(table, row, axis=0), np.delete(y, row))
        want = np.append(fit.coef_, fit.intercept_) - own
        assert np.abs(change - want).max() < 1e-6 * np.abs(own).max()


@pytest.mark.filterwarnings("ignore:.*its hinge is far from the smooth hinge")
def test_fidelity_is_judged_against_the_hinge():
    y = LABELS["two classes"]
    for temperature in (0.001, 0.1):
        explainer = InfluenceExplainer(machine(), temperature=temperature).fit(X, y)
        assert explainer.score(X, y) == pytest.approx(1.0, abs=1e-9)
        explainer.set_params(method="newton_step")
        rows = _rows(explainer)
        want = np.array([_mean_change(row, y) for row in rows])
        got = explainer.influence(X, y, rows=rows).mean(axis=0)
        spread = ((got - got.mean()) * (want - want.mean())).mean()
        agreement = 2 * spread / (got.var() + want.var() + (got.mean() - want.mean()) ** 2)
        assert loo_concordance(explainer, X, y, n_rows=8) == pytest.approx(agreement, abs=1e-6)
        assert agreement < 0.9
        assert "stands in for the hinge" in str(explainer.health())


def _rows(explainer):
    from skinfluence.explainer._fidelity import audit_rows, reference

    return audit_rows(reference(explainer, X, LABELS["two classes"])[0], 8)


def _mean_change(row, y):
    model = machine()

    def loss(keep):
        raw = model.fit(X[keep], y[keep]).decision_function(X)
        return np.maximum(1.0 - (2 * y - 1) * raw, 0.0).mean()

    everything = np.arange(120)
    return loss(np.delete(everything, row)) - loss(everything)


def test_rows_beyond_the_margin_do_nothing_and_the_rest_is_refitted_in_closed_form_too():
    y, model = LABELS["two classes"], machine()
    explainer = InfluenceExplainer(model).fit(X, y)
    raw = model.fit(X, y).decision_function(X)
    beyond = (2 * y - 1) * raw > 1.0 + 1e-6
    assert 10 < beyond.sum() < 110
    assert not explainer.influence(X_TEST, Y_TEST)[:, beyond].any()
    left_out = explainer.leave_one_out_raw_predictions()
    np.testing.assert_allclose(left_out[beyond], raw[beyond], atol=1e-7)
    row = np.flatnonzero(~beyond)[0]
    fit = model.fit(np.delete(X, row, axis=0), np.delete(y, row))
    assert left_out[row] == pytest.approx(fit.decision_function(X[[row]])[0], abs=1e-7)


def test_a_flipping_set_is_verified_by_refits_of_the_hinge():
    y, model = LABELS["two classes"], machine()
    explainer = InfluenceExplainer(model).fit(X, y)
    raw = model.fit(X, y).decision_function(X_TEST)
    nearest = X_TEST[[np.abs(raw).argmin()]]
    [found] = smallest_flipping_set(explainer, nearest)
    kept = np.delete(np.arange(120), found.rows)
    assert model.fit(X[kept], y[kept]).predict(nearest) != model.fit(X, y).predict(nearest)


@pytest.mark.parametrize(
    "ask",
    [
        influence_components,
        perturbation_influence,
        relative_influence,
        top_relative_influences,
        lambda explainer, *test: select_prototypes(explainer, 3, *test),
        lambda explainer, *test: select_diverse(explainer, 3, *test),
        lambda explainer, *test: most_influential_group(explainer, *test, n_rows=3),
    ],
)
def test_what_goes_by_the_smooth_hinge_unasked_says_so(ask):
    y = LABELS["two classes"]
    with pytest.warns(UserWarning, match="a smooth hinge that stands in for it"):
        ask(InfluenceExplainer(machine()).fit(X, y), X_TEST, Y_TEST)
    ask(InfluenceExplainer(machine(), method="first_order").fit(X, y), X_TEST, Y_TEST)


def test_a_long_answer_is_told_before_it_is_given(monkeypatch):
    explainer = InfluenceExplainer(machine()).fit(X, LABELS["two classes"])
    explainer.influence(X_TEST, Y_TEST, rows=range(16))  # a few need no word
    monkeypatch.setattr(_hinge, "LONG", 0.0)
    with pytest.warns(UserWarning, match=r"each of 120 rows, which takes about"):
        told = explainer.influence(X_TEST, Y_TEST)
    np.testing.assert_array_equal(told[:, :16], explainer.influence(X_TEST, Y_TEST, rows=range(16)))


@pytest.mark.filterwarnings("ignore:.*its hinge is far from the smooth hinge")
@pytest.mark.parametrize("table", ["independent", "repeated", "sparse"])
def test_wide_tables(table):
    """As many rows on the margin as there are, also where some of them are the same."""
    rng = np.random.default_rng(1)
    wide = rng.standard_normal((60, 150))
    y = (wide[:, :3].sum(axis=1) + rng.standard_normal(60) > 0).astype(int)
    if table == "repeated":
        wide[50:], y[50:] = wide[:10], y[:10]
    if table == "sparse":
        wide = np.where(np.abs(wide) > 1.0, wide, 0.0)
    rows, model = [0, 3, 17, 55], machine()
    given = sparse.csr_array(wide) if table == "sparse" else wide
    explainer = InfluenceExplainer(model).fit(given, y)
    got = explainer.influence(wide[:5] + 0.1, target="decision_function", rows=rows)
    full = model.fit(wide, y).decision_function(wide[:5] + 0.1)
    sign = np.where(explainer.predict(wide[:5] + 0.1) == 1, 1.0, -1.0)
    want = [
        model.fit(np.delete(wide, i, axis=0), np.delete(y, i)).decision_function(wide[:5] + 0.1)
        for i in rows
    ]
    want = (np.array(want) - full).T
    same, turned = np.abs(got - want).max(), np.abs(got - sign[:, None] * want).max()
    assert min(same, turned) < 1e-6 * np.abs(want).max()
