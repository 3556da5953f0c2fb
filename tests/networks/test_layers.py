"""K-FAC and EK-FAC of PyTorch modules: their layers against Jacobians, blocks and solutions."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator

from skinfluence import InfluenceExplainer
from skinfluence.explainer._linearizations.lengths import change_lengths
from skinfluence.losses import Multinomial
from skinfluence.networks import ModuleClassifier, ModuleRegressor, RiskMinimizer
from skinfluence.objectives import Objective, RowWeights, TargetCoding
from skinfluence.predictors import Perceptron
from skinfluence.solvers import EKFACSolver, KFACSolver

torch = pytest.importorskip("torch", reason="torch is not installed")
from torch import nn  # noqa: E402

from skinfluence.predictors._torch import ModuleFunction, TorchPredictor  # noqa: E402

RNG = np.random.default_rng(0)
SOLVERS = [KFACSolver(), EKFACSolver()]
SETTINGS = {"curvature": "gauss_newton", "damping": 0.1}


class Twice(nn.Module):
    """A layer that is called twice, and one on tokens; activations overwrite their inputs."""

    def __init__(self):
        super().__init__()
        self.tokens, self.again = nn.Linear(3, 4), nn.Linear(4, 4, bias=False)
        self.act = nn.ELU(inplace=True)

    def forward(self, x):
        x = self.act(self.tokens(x.reshape(len(x), 12, 3)))
        return self.again(self.act(self.again(x))).mean(1)


def image(*layers):
    torch.manual_seed(0)
    return nn.Sequential(nn.Unflatten(1, (1, 6, 6)), *layers, nn.Flatten(), nn.LazyLinear(3))


MODULES = {
    "dense": lambda: nn.Sequential(nn.Linear(36, 4), nn.Tanh(), nn.Linear(4, 3)),
    "one": lambda: nn.Linear(36, 3),
    "padded": lambda: image(nn.Conv2d(1, 2, 3, padding=1, stride=2), nn.Tanh(), nn.Conv2d(2, 2, 2)),
    "circular": lambda: image(nn.Conv2d(1, 2, (3, 2), padding="same", padding_mode="circular")),
    "dilated": lambda: image(nn.Conv2d(1, 3, 2, dilation=2, bias=False), nn.ReLU(inplace=True)),
    "groups": lambda: image(nn.Conv2d(1, 4, 3), nn.SiLU(), nn.Conv2d(4, 8, 2, groups=4)),
    "twice": Twice,
}


def predictor_of(make, n=5):
    torch.manual_seed(0)
    module, X = make(), RNG.standard_normal((n, 36))
    module(torch.as_tensor(X, dtype=torch.float32))  # gives lazy layers their shapes
    function = ModuleFunction(module, 36)
    return TorchPredictor(X, function.parameters(), function)


@pytest.mark.parametrize("name", MODULES)
def test_inputs_times_derivatives_are_the_jacobian(name):
    predictor = predictor_of(MODULES[name])
    J, covered = predictor.row_jacobian(), np.zeros(predictor.n_parameters, dtype=int)
    for layer in predictor.layers():
        covered[layer.index] += 1
        np.testing.assert_allclose(layer.jacobian(), J[:, :, layer.index], atol=1e-12)
    assert (covered == 1).all()


def objective_of(predictor, penalty=0.5):
    n = predictor.n_rows
    y, coding = np.eye(3, dtype=np.int8)[np.arange(n) % 3], TargetCoding("one_hot", 3, np.arange(3))
    weights = RowWeights(1.0 + np.arange(n) % 2)
    penalty = np.full(predictor.n_parameters, penalty)
    return Objective(Multinomial(), predictor, y, penalty, weights, coding)


@pytest.mark.parametrize("solver", SOLVERS, ids=lambda solver: solver.name)
def test_factors_of_a_module_are_those_of_the_perceptron(solver):
    predictor = predictor_of(MODULES["dense"], 30)
    own = dict(predictor.function.module.named_parameters())
    weights = [own[f"{i}.weight"].numpy().T for i in (0, 2)]
    biases = [own[f"{i}.bias"].numpy() for i in (0, 2)]
    other = Perceptron.from_layers(predictor.X, weights, biases, "tanh")
    order = np.concatenate([layer.index.ravel() for layer in predictor.layers()])
    V = RNG.standard_normal((predictor.n_parameters, 3))
    got, expected = (
        solver.factorize(objective_of(each).hessian(0.1, curvature="gauss_newton"))
        for each in (predictor, other)
    )
    np.testing.assert_allclose(got.solve(V)[order], expected.solve(V[order]), rtol=1e-8)


@pytest.mark.parametrize("name", ["padded", "groups", "twice"])
def test_eigenvalues_of_convolutions_are_the_curvature_along_their_vectors(name):
    hessian = objective_of(predictor_of(MODULES[name], 20)).hessian(0.1, curvature="gauss_newton")
    dense = hessian.to_dense()
    for block in EKFACSolver().factorize(hessian).blocks:
        vectors = np.kron(block.left * block.scale[:, None], block.right)
        index = block.index.ravel()
        along = np.einsum("pj,pj->j", vectors, dense[np.ix_(index, index)] @ vectors)
        np.testing.assert_allclose(block.eigenvalues.ravel(), along, rtol=1e-9)


def test_factors_of_a_convolution_are_those_of_grosse_and_martens():
    """Sums over positions of a a', means of B' A B, from the images themselves."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Unflatten(1, (1, 6, 6)), nn.Conv2d(1, 3, 4), nn.AvgPool2d(3))
    module = nn.Sequential(module, nn.Flatten())
    X = RNG.standard_normal((20, 36))
    function = ModuleFunction(module, 36)
    objective = objective_of(TorchPredictor(X, function.parameters(), function), 0.0)
    hessian = objective.hessian(0.1, curvature="gauss_newton")
    windows = np.lib.stride_tricks.sliding_window_view(X.reshape(20, 6, 6), (4, 4), axis=(1, 2))
    a = np.concatenate([windows.reshape(20, 9, 16), np.ones((20, 9, 1))], axis=2)
    weight = objective.sample_weight[:, 0]
    left = np.einsum("n,ntd,nte->de", weight, a, a) / weight.sum()
    right = hessian.curvature.matrix().sum(axis=0) / 81  # each of nine positions: a ninth of f_k
    damping = 0.1 * weight.sum()
    V = RNG.standard_normal((51, 2))
    index = np.vstack([np.arange(48).reshape(3, 16).T, np.arange(48, 51)]).ravel()
    expected = np.linalg.solve(np.kron(left, right) + damping * np.eye(51), V[index])
    got = KFACSolver().factorize(hessian).solve(V)[index]
    np.testing.assert_allclose(got, expected, rtol=1e-8)


@pytest.fixture(scope="module")
def trained():
    """A network for digits of 8 x 8 pixels, and its rows."""
    X, y = load_digits(return_X_y=True)
    X = X / 16
    torch.manual_seed(0)
    start = nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 4, 3), nn.Tanh(), nn.Conv2d(4, 4, 3, stride=2)
    module = nn.Sequential(*start, nn.Tanh(), nn.Flatten(), nn.Linear(16, 10))
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        model = ModuleClassifier(module, weight_decay=1e-3, max_iter=60).fit(X[:200], y[:200])
    return model, X, y


@pytest.mark.filterwarnings("ignore:The parameters of ModuleClassifier are not near")
@pytest.mark.parametrize(("solver", "least"), [("kfac", 0.85), ("ekfac", 0.9)])
def test_influences_of_a_convolutional_network_are_near_the_exact_ones(trained, solver, least):
    model, X, y = trained
    exact, got = (
        InfluenceExplainer(FrozenEstimator(model), solver=each, **SETTINGS)
        .fit(X[:200], y[:200])
        .influence(X[200:220], y[200:220])
        for each in ("cholesky", solver)
    )
    assert model.score(X[200:], y[200:]) > 0.7
    assert np.corrcoef(exact.ravel(), got.ravel())[0, 1] > least


@pytest.mark.filterwarnings("ignore:The parameters of ModuleClassifier are not near")
@pytest.mark.parametrize("kind", ["theta", "loss"])
def test_lengths_of_changes_are_those_of_solutions(trained, kind):
    model, X, y = trained
    explainer = InfluenceExplainer(FrozenEstimator(model), solver="ekfac", **SETTINGS)
    linearization = explainer.fit(X[:200], y[:200]).linearization_
    rows = np.arange(200)
    objective, changes = linearization.linear_changes(rows)
    delta = changes.coef_changes()
    expected = np.linalg.norm(delta, axis=1)
    if kind == "loss":
        given = objective.predictor.row_vjp(changes.residual).T
        given += changes.low_rank_coefs @ changes.directions.reshape(objective.n_parameters, -1).T
        expected = np.sqrt((given * delta).sum(axis=1))
    np.testing.assert_allclose(change_lengths(linearization, kind), expected, rtol=1e-9)


class Functional(nn.Module):
    """Weights that are used without their layer."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(36, 3)

    def forward(self, x):
        return self.layer(x) + nn.functional.linear(x, self.layer.weight)


class Scaled(nn.Linear):
    """A layer whose outputs have a scale, a number without an axis."""

    def __init__(self):
        super().__init__(36, 3)
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, x):
        return self.scale * super().forward(x)


BAD = {
    "scale": (Scaled, r"Parameters \['scale'\]"),
    "norm": (lambda: image(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)), r"Parameters \['2.weight'"),
    "outside": (Functional, "used outside of the layers"),
}


@pytest.mark.filterwarnings("ignore:The parameters of Module")
@pytest.mark.parametrize("case", BAD)
def test_parameters_that_are_not_of_such_layers_are_refused(case):
    make, expected = BAD[case]
    predictor = predictor_of(make, 30)
    y = np.arange(30.0).reshape(10, 3).repeat(3, axis=0)
    with pytest.raises(TypeError, match=expected):
        InfluenceExplainer(
            ModuleRegressor(predictor.function.module.requires_grad_()), solver="ekfac", **SETTINGS
        ).fit(predictor.X, y).influence(predictor.X, y)
    if case == "norm":  # the advice runs
        some = ModuleRegressor(predictor.function.module, layers=["1", "4"])
        explainer = InfluenceExplainer(some, solver="ekfac", **SETTINGS).fit(predictor.X, y)
        assert explainer.influence(predictor.X, y).shape == (30, 30)


def test_a_risk_of_ones_own_has_no_layers():
    X, y = RNG.standard_normal((20, 2)), RNG.standard_normal(20)
    risk = RiskMinimizer(lambda t, x: t @ x, lambda f, y: (f[0] - y) ** 2, [0.0, 0.0], convex=False)
    with pytest.raises(TypeError, match="no layers"):
        InfluenceExplainer(risk, solver="kfac", **SETTINGS).fit(X, y).influence(X)


@pytest.mark.filterwarnings("ignore:The parameters of NeuralNetClassifier are not near")
def test_a_network_of_skorch_by_factors(trained):
    skorch = pytest.importorskip("skorch", reason="skorch is not installed")
    _, X, y = trained
    torch.manual_seed(0)
    net = skorch.NeuralNetClassifier(
        nn.Sequential(nn.Linear(64, 6), nn.Tanh(), nn.Linear(6, 10), nn.Softmax(dim=1)),
        train_split=None, max_epochs=100, lr=0.5, batch_size=-1, verbose=0,
    ).fit(X[:200].astype(np.float32), y[:200])  # fmt: skip
    exact, got = (
        InfluenceExplainer(FrozenEstimator(net), solver=solver, **SETTINGS)
        .fit(X[:200].astype(np.float32), y[:200])
        .influence(X[200:210].astype(np.float32), y[200:210])
        for solver in ("cholesky", "ekfac")
    )
    assert np.corrcoef(exact.ravel(), got.ravel())[0, 1] > 0.9
