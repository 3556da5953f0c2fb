"""Influence on functionals against refits of the scikit-learn estimator."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit
from sklearn.base import clone
from sklearn.linear_model import (
    HuberRegressor,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
)
from sklearn.metrics import average_precision_score, log_loss, r2_score, roc_auc_score
from threadpoolctl import ThreadpoolController

from skinfluence import InfluenceExplainer
from skinfluence.explainer import lins_concordance
from skinfluence.functionals import Coefficient, TValue, functional_value, influence_on
from skinfluence.targets import (
    AUROC,
    Accuracy,
    AveragePrecision,
    CalibrationError,
    DemographicParityGap,
    EqualOpportunityGap,
    FunctionTarget,
    WorstGroupLoss,
)

THREADS = ThreadpoolController()
rng = np.random.default_rng(5)
N, N_TEST = 120, 150
X, X_TEST = rng.normal(size=(N, 4)), rng.normal(size=(N_TEST, 4))
BETA = np.array([1.0, -1.0, 0.5, 0.1])
VALUES, VALUES_TEST = X @ BETA + rng.normal(size=N), X_TEST @ BETA + rng.normal(size=N_TEST)
LABELS, LABELS_TEST = (v + rng.logistic(size=len(v)) > 0 for v in (VALUES, VALUES_TEST))
COUNTS = rng.poisson(np.exp(0.4 * X @ BETA))
GROUPS = np.where(X_TEST[:, 3] > 0.3, "new", "old")
BLOCKS = rng.permutation(N).reshape(-1, 6)  # groups of 5 %
WEIGHTS = rng.uniform(0.5, 2.0, N)
LOGISTIC = LogisticRegression(C=3.0, solver="newton-cholesky", tol=1e-12, max_iter=300)
FREE = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12, max_iter=300)
POISSON = PoissonRegressor(alpha=0.01, tol=1e-10, max_iter=1000)


def scores(model):
    return model.decision_function(X_TEST)


def opportunity(model, temperature=0.1):
    rate = expit(scores(model) / temperature)
    new, old = (rate[LABELS_TEST & (GROUPS == g)].mean() for g in ("new", "old"))
    return new - old


def worst(model):
    p = model.predict_proba(X_TEST)
    return max(log_loss(LABELS_TEST[own], p[own]) for own in (GROUPS == "new", GROUPS == "old"))


def smooth_area(model):
    s = scores(model)
    return expit((s[LABELS_TEST, None] - s[~LABELS_TEST]) / 0.1).mean()


def t_of(y, weights, counts):
    """t value of column 1 by its formula, of the weighted rows."""

    def value(model):
        Z = np.column_stack([X, np.ones(N)])
        raw = X @ model.coef_.ravel() + model.intercept_
        penalty = np.diag([1.0, 1, 1, 1, 0])
        if isinstance(model, LogisticRegression):
            p = expit(raw)
            H = (Z.T * (weights * p * (1 - p))) @ Z + penalty / model.C
        elif isinstance(model, PoissonRegressor):
            H = (Z.T * (weights * np.exp(raw))) @ Z + penalty * model.alpha * weights.sum()
        else:
            H = (Z.T * weights) @ Z + penalty * getattr(model, "alpha", 0.0)
            H /= (weights * (y - raw) ** 2).sum() / (counts.sum() - 5)
        return model.coef_.ravel()[1] / np.sqrt(np.linalg.inv(H)[1, 1])

    return value


TEST = (X_TEST, LABELS_TEST)
GAP = EqualOpportunityGap(GROUPS, between=("new", "old"))
CUBE = FunctionTarget(lambda raw: (raw**3).mean(), lambda raw: 3 * raw**2 / len(raw), "cube")
# estimator, labels, functional, test rows, its value for a fitted scikit-learn model
SMOOTH = {
    "AUROC": (LOGISTIC, LABELS, AUROC(), TEST, smooth_area),
    "equal opportunity": (LOGISTIC, LABELS, GAP, TEST, opportunity),
    "worst group": (LOGISTIC, LABELS, WorstGroupLoss(GROUPS), TEST, worst),
    "log loss": (
        LOGISTIC, LABELS, "neg_log_loss", TEST,
        lambda m: -log_loss(LABELS_TEST, m.predict_proba(X_TEST)),
    ),
    "r2": (
        Ridge(), VALUES, "r2", (X_TEST, VALUES_TEST),
        lambda m: r2_score(VALUES_TEST, m.predict(X_TEST)),
    ),
    "cube": (Ridge(), VALUES, CUBE, (X_TEST,), lambda m: (m.predict(X_TEST) ** 3).mean()),
    "coefficient": (LOGISTIC, LABELS, Coefficient("x1"), (), lambda m: m.coef_[0, 1]),
    "intercept": (Ridge(), VALUES, Coefficient(-1), (), lambda m: m.intercept_),
}  # fmt: skip
T_VALUES = {
    "least squares": (LinearRegression(), VALUES),
    "ridge": (Ridge(5.0), VALUES),
    "logistic": (FREE, LABELS),
    "penalised logistic": (LOGISTIC, LABELS),
    "Poisson": (POISSON, COUNTS),
}
CASES = [*SMOOTH, *T_VALUES]


def case(name, weights=WEIGHTS):
    """(explainer, functional, test rows, value by weights of the rows)."""
    if name in T_VALUES:
        model, y = T_VALUES[name]
        functional, test = TValue(1), ()
    else:
        model, y, functional, test, value = SMOOTH[name]

    def refitted(new):
        with THREADS.limit(limits=1):  # of so few rows threads cost more than they save
            fit = clone(model).fit(X, y, sample_weight=new)
        return (t_of(y, new, new / weights) if name in T_VALUES else value)(fit)

    return InfluenceExplainer(model).fit(X, y, weights), functional, test, refitted


def effects_of(refitted, weights, groups):
    before, out = refitted(weights), []
    for rows in groups:
        left = weights.copy()
        left[rows] = 0.0
        out.append(refitted(left) - before)
    return np.array(out)


@pytest.mark.parametrize("name", CASES)
def test_first_order_is_the_derivative_of_refits_in_the_weights(name):
    explainer, functional, test, refitted = case(name)
    got = influence_on(explainer, functional, *test, method="first_order")
    assert got.shape == (N,)
    assert_allclose(functional_value(explainer, functional, *test), refitted(WEIGHTS), rtol=1e-6)
    want = []
    for i in range(3):
        unit = 1e-3 * WEIGHTS * (np.arange(N) == i)
        want.append((refitted(WEIGHTS - unit) - refitted(WEIGHTS + unit)) / 2e-3)
    assert_allclose(got[:3], want, rtol=2e-4, atol=1e-5 * np.abs(got).max())


@pytest.mark.parametrize("name", ["equal opportunity", "worst group", *T_VALUES])
def test_newton_steps_agree_with_refits(name):
    ones = np.ones(N)
    explainer, functional, test, refitted = case(name, ones)
    got = influence_on(explainer, functional, *test, method="newton_step", rows=range(16))
    want = effects_of(refitted, ones, range(16))
    assert lins_concordance(got, want) > 0.99
    groups = [*BLOCKS[:10]]
    got = influence_on(explainer, functional, *test, method="newton_step", groups=groups)
    want = effects_of(refitted, ones, groups)
    assert lins_concordance(got, want) > (0.95 if name in SMOOTH else 0.99)
    got = influence_on(explainer, functional, *test, method="refit", groups=groups)
    assert_allclose(got, want, rtol=1e-5, atol=1e-6 * np.abs(want).max())


@pytest.mark.parametrize(
    ("functional", "metric"),
    [("roc_auc", roc_auc_score), ("average_precision", average_precision_score)],
)
def test_areas_are_those_of_scikit_learn(functional, metric):
    explainer = InfluenceExplainer(LOGISTIC).fit(X, LABELS)

    def refitted(weights):
        return metric(LABELS_TEST, scores(clone(LOGISTIC).fit(X, LABELS, weights)))

    assert_allclose(functional_value(explainer, functional, *TEST), refitted(None), rtol=1e-12)
    for kind, groups, least in (("rows", range(30), 0.99), ("groups", [*BLOCKS], 0.95)):
        want = effects_of(refitted, np.ones(N), groups)
        got = influence_on(explainer, functional, *TEST, method="refit", **{kind: groups})
        assert_allclose(got, want, atol=1e-12)
        got = influence_on(explainer, functional, *TEST, **{kind: groups})
        assert lins_concordance(got, want) > least


def test_least_squares_t_values_are_exact():
    ones = np.ones(N)
    for name in ("least squares", "ridge"):
        explainer, functional, _, refitted = case(name, ones)
        want = effects_of(refitted, ones, range(30))
        assert_allclose(influence_on(explainer, functional)[:30], want, rtol=1e-8)
        refits = influence_on(explainer, functional, method="refit", rows=range(30))
        assert_allclose(refits, want, rtol=1e-8)


def test_t_values_are_those_of_statsmodels():
    sm = pytest.importorskip("statsmodels.api")
    Z = sm.add_constant(X)
    fits = {
        "least squares": sm.WLS(VALUES, Z, weights=WEIGHTS).fit(),
        "logistic": sm.Logit(LABELS.astype(float), Z).fit(disp=0, tol=1e-12),
    }
    for name, fit in fits.items():
        model, y = T_VALUES[name]
        weights = WEIGHTS if name == "least squares" else None
        explainer = InfluenceExplainer(model).fit(X, y, weights)
        assert_allclose(functional_value(explainer, TValue("x2")), fit.tvalues[3], rtol=1e-8)


def test_a_collinear_column_takes_no_degree_of_freedom():
    t = {
        Z.shape[1]: functional_value(
            InfluenceExplainer(LinearRegression()).fit(Z, VALUES), TValue("x2")
        )
        for Z in (X, np.column_stack([X, X[:, 0] + X[:, 1]]))
    }
    assert_allclose(t[5], t[4], rtol=1e-10)


def test_a_gap_stands_between_the_groups_of_largest_and_smallest_share():
    explainer = InfluenceExplainer(LOGISTIC).fit(X, LABELS)
    gap = DemographicParityGap(GROUPS, temperature=0)
    share = {g: (scores(explainer.estimator_)[GROUPS == g] > 0).mean() for g in ("new", "old")}
    assert_allclose(functional_value(explainer, gap, X_TEST), abs(share["new"] - share["old"]))
    swapped = DemographicParityGap(GROUPS, between=("new", "old"), temperature=0)
    assert_allclose(functional_value(explainer, swapped, X_TEST), share["new"] - share["old"])


REFUSED = {
    "unknown name": ("roc_au", TEST, "Did you mean 'roc_auc'.*'neg_log_loss'"),
    "no labels": ("roc_auc", (X_TEST,), "needs y_test"),
    "one class": ("roc_auc", (X_TEST, np.ones(N_TEST, bool)), "one class only"),
    "no test rows": ("accuracy", (), "X_test is missing"),
    "groups of another length": (WorstGroupLoss(GROUPS[1:]), TEST, r"expected \(150,\)"),
    "one group": (GAP.__class__(np.zeros(N_TEST)), TEST, "at least two groups"),
    "a group without positives": (EqualOpportunityGap(LABELS_TEST), TEST, "have no rows of the"),
    "unknown pair": (DemographicParityGap(GROUPS, between=("new", "x")), TEST[:1], "between="),
    "missing group": (DemographicParityGap([None, *GROUPS[1:]]), TEST[:1], "have no group"),
    "one bin": (CalibrationError(1), TEST, "n_bins=1"),
    "cold": (AveragePrecision(-1), TEST, "temperature=-1"),
    "score of values": ("r2", TEST, "'r2' is for regressors"),
    "test rows of a coefficient": (Coefficient(0), TEST, "takes no test rows"),
    "unknown column": (Coefficient("x9"), (), "There is no coefficient 'x9'"),
    "column out of range": (TValue(5), (), "there are 5 coefficients"),
    "no gradient": (FunctionTarget(np.sum, lambda raw: raw[0]), TEST[:1], "gradient returned"),
    "accuracy without labels": (Accuracy(), (X_TEST,), "needs y_test"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_means_nothing_is_refused(name):
    functional, test, message = REFUSED[name]
    explainer = InfluenceExplainer(LOGISTIC).fit(X, LABELS)
    with pytest.raises(ValueError, match=message):
        influence_on(explainer, functional, *test)


def test_what_is_no_functional_is_refused():
    explainer = InfluenceExplainer(LOGISTIC).fit(X, LABELS)
    with pytest.raises(TypeError, match="FunctionTarget"):
        influence_on(explainer, roc_auc_score, *TEST)
    with pytest.raises(TypeError, match="explainer is LogisticRegression"):
        influence_on(LOGISTIC, "roc_auc", *TEST)
    with pytest.raises(ValueError, match="rows and groups are both given"):
        influence_on(explainer, "roc_auc", *TEST, rows=[0], groups=[[1]])
    balanced = InfluenceExplainer(LogisticRegression(class_weight="balanced")).fit(X, LABELS)
    with pytest.raises(ValueError, match="TValue: class_weight"):
        influence_on(balanced, TValue(0))


def test_scores_of_a_model_with_a_scale_are_those_of_its_predictions():
    model = HuberRegressor(alpha=0.1, tol=1e-9, max_iter=5000)
    explainer, test = InfluenceExplainer(model).fit(X, VALUES), (X_TEST, VALUES_TEST)
    value = functional_value(explainer, "r2", *test)
    assert_allclose(value, r2_score(VALUES_TEST, model.fit(X, VALUES).predict(X_TEST)), atol=1e-6)
    row = int(np.abs(influence_on(explainer, "r2", *test)).argmax())
    rest = np.arange(N) != row
    without = r2_score(VALUES_TEST, model.fit(X[rest], VALUES[rest]).predict(X_TEST))
    for method, rtol in (("refit", 1e-3), ("newton_step", 0.2)):
        effect = influence_on(explainer, "r2", *test, rows=[row], method=method)
        assert_allclose(effect, without - value, rtol=rtol)
