"""Networks of PyTorch: derivatives, objectives and influences against refits and closed forms."""

import copy

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence import InfluenceExplainer, supports
from skinfluence.adapters import UnsupportedEstimatorError
from skinfluence.linalg import RowCurvature
from skinfluence.networks import FeatureMap, ModuleClassifier, ModuleRegressor, RiskMinimizer
from skinfluence.perturbation import perturbation_influence
from skinfluence.predictors import Predictor
from skinfluence.testing import check_adapter, check_loss, check_predictor

torch = pytest.importorskip("torch", reason="torch is not installed")
from torch import nn  # noqa: E402

from skinfluence.predictors._torch import ModuleFunction, TorchPredictor  # noqa: E402
from skinfluence.predictors._torch_loss import TorchLoss  # noqa: E402

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 4))
VALUE = X[:, 0] + X[:, 1] ** 2 + 0.3 * RNG.standard_normal(60)
CLASS = np.digitize(VALUE, [0.5, 1.5])
LABEL = np.array(["no", "yes"])[(VALUE > 1).astype(int)]
TEST = slice(0, 5)


def perceptron(n_outputs, *end):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, n_outputs), *end)


def convolutions():
    torch.manual_seed(1)
    start = nn.Unflatten(1, (1, 6, 6)), nn.Conv2d(1, 2, 3), nn.Softplus(), nn.BatchNorm2d(2)
    return nn.Sequential(*start, nn.Dropout(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(8, 3))


@pytest.mark.parametrize("layers", [None, ["7"], "1.weight"], ids=["all", "last", "first"])
def test_derivatives_of_a_module_keep_the_contract(layers):
    function = ModuleFunction(convolutions(), 36, layers)
    check_predictor(TorchPredictor(RNG.standard_normal((7, 36)), function.parameters(), function))


class TwoNames(nn.Module):
    """A layer that has two names, and one with the weights of another."""

    def __init__(self):
        super().__init__()
        self.one, self.tied, self.end = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3)
        self.two, self.tied.weight = self.one, self.one.weight

    def forward(self, x):
        return self.end(self.tied(torch.tanh(self.two(torch.tanh(self.one(x))))))


@pytest.mark.parametrize(
    "make",
    [TwoNames, lambda: nn.Sequential(nn.Linear(4, 5), nn.PReLU(5), nn.Linear(5, 3))],
    ids=["two names", "PReLU"],
)
def test_jacobians_are_those_of_plain_passes(make):
    torch.manual_seed(0)
    module = make().double()
    function = ModuleFunction(module, 4)
    rows = torch.as_tensor(X[:3])  # as many as outputs: batches of both could be mixed up
    predictor, parameters = (
        TorchPredictor(X[:3], function.parameters(), function),
        [*module.parameters()],
    )
    expected = [
        [
            torch.cat([g.ravel() for g in torch.autograd.grad(f, parameters, retain_graph=True)])
            for f in raw
        ]
        for raw in module(rows)
    ]
    expected = torch.stack([torch.stack(each) for each in expected]).numpy()
    np.testing.assert_allclose(predictor.row_jacobian(), expected, atol=1e-12)
    again = copy.deepcopy(function)
    np.testing.assert_allclose(again.parameters(), predictor.coef, rtol=0)


def test_the_module_itself_is_not_changed():
    module = convolutions()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    images, y = RNG.standard_normal((20, 36)), np.arange(20) % 3
    model = ModuleClassifier(module, weight_decay=0.1, max_iter=5000).fit(images, y)
    assert module.training
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    with torch.no_grad():
        rows = torch.as_tensor(images, dtype=torch.float32)
        raw = model.module_.eval()(rows).numpy()
    assert np.abs(raw - model.decision_function(images)).max() < 1e-5


CASES = {
    "two classes": (ModuleClassifier, lambda: perceptron(2), LABEL),
    "three classes": (ModuleClassifier, lambda: perceptron(3), CLASS),
    "two values": (ModuleRegressor, lambda: perceptron(2), np.stack([VALUE, -X[:, 2]], axis=1)),
}


@pytest.mark.parametrize("case", CASES)
def test_the_objective_is_what_the_estimator_minimised(case):
    cls, make, y = CASES[case]
    model = cls(make(), weight_decay=0.1, max_iter=5000)
    check_adapter(model, X, y, X_test=X[TEST], y_test=y[TEST], rtol=1e-5, step=0.08)


@pytest.mark.filterwarnings("ignore:The parameters of ModuleClassifier are not near")
@pytest.mark.parametrize(
    ("make", "output", "y"),
    [
        (lambda: perceptron(3, nn.Softmax(dim=1)), "proba", CLASS),
        (lambda: perceptron(3, nn.LogSoftmax(dim=1)), "logits", CLASS),
        (lambda: perceptron(2, nn.Softmax(dim=1)), "proba", LABEL),
        (lambda: perceptron(1, nn.Sigmoid()), "proba", LABEL),
        (lambda: perceptron(1, nn.Flatten(0)), "logits", LABEL),
    ],
)
def test_probabilities_and_logits_are_the_same_model(make, output, y):
    module = make()
    plain = module if isinstance(module[-1], nn.Flatten) else module[:-1]
    expected = ModuleClassifier(plain).fit(X, y)
    got = ModuleClassifier(module, output=output).fit(X, y)
    np.testing.assert_allclose(got.predict_proba(X), expected.predict_proba(X), atol=1e-12)
    with torch.no_grad():
        rows = torch.as_tensor(X, dtype=torch.float32)
        p = module(rows).reshape(60, -1).numpy()
    if output == "proba":
        np.testing.assert_allclose(got.predict_proba(X)[:, -1], p[:, -1], atol=1e-6)
    one, other = (
        InfluenceExplainer(FrozenEstimator(model), polish=False, damping=1.0)
        .fit(X, y)
        .influence(X[TEST], y[TEST], method="first_order")
        for model in (got, expected)
    )
    np.testing.assert_allclose(one, other, atol=1e-10 * np.abs(other).max())


def test_the_last_layer_is_logistic_regression_on_what_is_before_it():
    module = perceptron(3)
    explainer = InfluenceExplainer(
        ModuleClassifier(module, weight_decay=0.1, layers=["2"], max_iter=5000)
    ).fit(X, CLASS)
    hidden = make_pipeline(FeatureMap(module[:2]), Ridge()).fit(X, VALUE)[0].transform(X)
    ones = np.ones((60, 1))  # torch's weight decay includes the bias
    plain = LogisticRegression(C=1 / (60 * 0.1), fit_intercept=False, tol=1e-12, max_iter=10**4)
    other = InfluenceExplainer(plain, penalty_scaling="mean").fit(np.hstack([hidden, ones]), CLASS)
    expected = other.influence(np.hstack([hidden, ones])[TEST], CLASS[TEST])
    got = explainer.influence(X[TEST], CLASS[TEST])
    assert np.abs(got - expected).max() < 1e-6 * np.abs(expected).max()


def test_a_module_trained_elsewhere_is_explained_as_it_is():
    module = perceptron(3)
    with pytest.warns(ConvergenceWarning, match="not near an optimum"):
        explainer = InfluenceExplainer(
            FrozenEstimator(ModuleClassifier(module, weight_decay=0.1).fit(X, CLASS)),
            curvature="gauss_newton",
        ).fit(X, CLASS)
    assert np.abs(explainer.objective_.coef - ModuleFunction(module, 4).parameters()).max() == 0.0
    objective = explainer.objective_
    H = objective.hessian(curvature="gauss_newton").to_dense()
    G = objective.per_sample_gradients().to_dense()
    g = explainer.test_rows(X[TEST], CLASS[TEST]).coef_gradients().to_dense()
    # a row takes its share of the weight decay with it
    expected = g @ np.linalg.solve(H, (G + 0.1 * objective.coef).T)
    got = explainer.influence(X[TEST], CLASS[TEST], method="first_order")
    assert np.abs(got - expected).max() < 1e-9 * np.abs(expected).max()


def test_a_module_that_no_fit_trains_is_not_given_back_without_rows():
    """It would be the same module, with all that it knows of the rows."""
    module = ModuleClassifier(perceptron(3), weight_decay=0.1, max_iter=500).fit(X, CLASS).module_
    with pytest.warns(ConvergenceWarning):
        explainer = InfluenceExplainer(ModuleClassifier(module, weight_decay=1.0)).fit(X, CLASS)
    for call in (
        lambda: explainer.without([0]),
        lambda: explainer.with_labels([0], CLASS[:1]),
        lambda: explainer.with_rows(X[:2], CLASS[:2]),
    ):
        with pytest.raises(UnsupportedEstimatorError, match="Set max_iter"):
            call()
    trained = ModuleClassifier(module, weight_decay=0.1, max_iter=500)
    left = InfluenceExplainer(trained).fit(X, CLASS).without([0])
    assert np.abs(left.coef_ - clone(trained).fit(X[1:], CLASS[1:]).coef_).max() == 0.0


def log_cosh(raw, y):
    r = (raw[0] - y).abs()
    return r + torch.log1p(torch.exp(-2 * r)) - np.log(2.0)


def linear(theta, x):
    return theta[0] + x @ theta[1:]


def test_a_risk_of_ones_own_needs_two_functions_only():
    check_loss(TorchLoss(log_cosh, flat=True, convex=True))
    model = RiskMinimizer(linear, log_cosh, np.zeros(5), penalty=1.0)
    check_adapter(model, X, VALUE, X_test=X[TEST], y_test=VALUE[TEST])


def test_a_risk_of_squares_is_ridge():
    model = RiskMinimizer(linear, lambda raw, y: (raw[0] - y) ** 2 / 2, np.zeros(5))
    got = InfluenceExplainer(model).fit(X, VALUE).influence(X[TEST], VALUE[TEST])
    expected = InfluenceExplainer(Ridge(alpha=0.0)).fit(X, VALUE).influence(X[TEST], VALUE[TEST])
    assert np.abs(got - expected).max() < 1e-8 * np.abs(expected).max()


@pytest.mark.parametrize("y", [LABEL, CLASS], ids=["two", "three"])
def test_it_agrees_with_the_perceptron_of_scikit_learn(y):
    alpha = 6.0
    plain = MLPClassifier(4, activation="tanh", solver="lbfgs", alpha=alpha, random_state=0)
    plain.set_params(tol=1e-12, max_iter=5000).fit(X, y)
    layers = []
    for W, b in zip(plain.coefs_, plain.intercepts_, strict=True):
        layer = nn.Linear(*W.shape, dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(torch.as_tensor(W.T))
            layer.bias.copy_(torch.as_tensor(b))
        layers += [layer, nn.Tanh()]
    module = nn.Sequential(*layers[:-1])
    model = FrozenEstimator(ModuleClassifier(module).fit(X, y))
    settings = {"damping": 0.1, "polish": False}
    with pytest.warns(ConvergenceWarning):  # it has no weight decay
        other = InfluenceExplainer(model, **settings).fit(X, y)
    own = InfluenceExplainer(FrozenEstimator(plain), **settings).fit(X, y)
    assert np.abs(other.objective_.raw_prediction - own.objective_.raw_prediction).max() < 1e-12
    mine, theirs = (
        explainer.test_rows(X[TEST], y[TEST]).coef_gradients().to_dense()
        @ explainer.objective_.per_sample_gradients().to_dense().T
        for explainer in (own, other)
    )
    assert np.abs(mine - theirs).max() < 1e-8 * np.abs(mine).max()
    spectra = [
        np.linalg.eigvalsh(
            e.objective_.with_penalty(np.zeros_like(e.objective_.coef)).hessian().to_dense()
        )
        for e in (own, other)
    ]
    assert np.abs(spectra[0] - spectra[1]).max() < 1e-8 * np.abs(spectra[0]).max()


def test_features_are_moved_through_the_frozen_module():
    model = make_pipeline(StandardScaler(), FeatureMap(perceptron(3)), LogisticRegression())
    explainer = InfluenceExplainer(model).fit(X, LABEL)
    got = perturbation_influence(explainer, X[TEST], LABEL[TEST], rows=[7])  # one row's features
    h, expected = 1e-4, np.empty((5, 4))
    steps = explainer.fitted_model_.transformers
    for j in range(4):
        losses = []
        for sign in (1, -1):
            moved = X.copy()
            moved[7, j] += sign * h
            for step in steps:
                moved = step.transform(moved)
            refit = LogisticRegression(tol=1e-12, max_iter=10**4).fit(moved, LABEL)
            p = refit.predict_proba(steps[1].transform(steps[0].transform(X[TEST])))
            losses.append(-np.log(p[np.arange(5), (LABEL[TEST] == "yes").astype(int)]))
        expected[:, j] = (losses[0] - losses[1]) / (2 * h)
    assert np.abs(got.reshape(5, 4) - expected).max() < 1e-4 * np.abs(expected).max()


def test_wrong_input_is_named():
    with pytest.raises(TypeError, match="expected a torch"):
        ModuleClassifier("net").fit(X, CLASS)
    with pytest.raises(ValueError, match="returns 3 numbers for each row, and y has 2 classes"):
        ModuleClassifier(perceptron(3)).fit(X, LABEL)
    with pytest.raises(ValueError, match="no parameters of the name 'head'"):
        ModuleClassifier(perceptron(3), layers=["head"]).fit(X, CLASS)
    with pytest.raises(ValueError, match="one class"):
        ModuleClassifier(perceptron(2)).fit(X, np.zeros(60))
    with pytest.raises(ValueError, match="Negative values"):
        ModuleClassifier(perceptron(3)).fit(X, CLASS, sample_weight=-np.ones(60))


def test_estimators_are_cloned_and_supported():
    model = ModuleClassifier(perceptron(3), weight_decay=0.1)
    assert supports(clone(model))
    assert "surroundings" in supports(model).reason


def test_one_pass_gives_the_same_hessian_products_as_three():
    function = ModuleFunction(convolutions(), 36)
    predictor = TorchPredictor(RNG.standard_normal((7, 36)), function.parameters(), function)
    A = RNG.standard_normal((7, 3, 3))
    curvature, R = RowCurvature(A @ A.transpose(0, 2, 1)), RNG.standard_normal((7, 3))
    for m in (1, 3):
        V = RNG.standard_normal((predictor.n_parameters, m))
        expected = Predictor.hessian_product(predictor, curvature, R, V)
        got = predictor.hessian_product(curvature, R, V)
        np.testing.assert_allclose(got, expected, atol=1e-12 * np.abs(expected).max())
