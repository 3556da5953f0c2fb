"""Modules and functions that cannot be explained are refused, with what to do instead."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skinfluence import InfluenceExplainer
from skinfluence.networks import FeatureMap, ModuleClassifier, ModuleRegressor, RiskMinimizer

torch = pytest.importorskip("torch", reason="torch is not installed")
from torch import nn  # noqa: E402

RNG = np.random.default_rng(0)
X = RNG.standard_normal((20, 4))
VALUE = X[:, 0]
LABEL = (VALUE > 0).astype(int)


class Forward(nn.Module):
    """A linear layer with something else around it."""

    def __init__(self, function):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(4, 2)
        self.function = function

    def forward(self, x):
        return self.function(self.layer, x)


BAD = {
    "cast": (lambda layer, x: layer(x.float()), "no casts such as .float()"),
    "columns": (lambda layer, x: layer(x[:, :3]), "fails on rows of 4 numbers"),
    "numpy": (lambda layer, x: layer(torch.as_tensor(x.numpy())), "no NumPy"),
    "tuple": (lambda layer, x: (layer(x), x), "tuple"),
    "one output": (lambda layer, x: layer(x).sum(0), r"shape \(2,\) for 8 rows"),
    "batch": (lambda layer, x: layer(x - x.mean(0)), "with other rows in the batch"),
    "chance": (lambda layer, x: layer(nn.functional.dropout(x)), "from call to call"),
    "float32": (lambda layer, x: layer(x).float(), "returns float32"),
    "nan": (lambda layer, x: layer(x) / 0.0 * 0.0, "returns nan"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("estimator", [ModuleClassifier, FeatureMap])
def test_a_module_whose_outputs_are_no_function_of_the_row_is_refused(case, estimator):
    function, expected = BAD[case]
    with pytest.raises(ValueError, match=expected):
        estimator(Forward(function)).fit(X, LABEL)


def test_batch_normalisation_needs_running_statistics():
    module = nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2, track_running_stats=False))
    with pytest.raises(ValueError, match="running statistics"):
        ModuleClassifier(module).fit(X, LABEL)


@pytest.mark.parametrize(("n_outputs", "y"), [(2, VALUE), (1, np.stack([VALUE, VALUE], axis=1))])
def test_a_regressor_needs_as_many_outputs_as_targets(n_outputs, y):
    with pytest.raises(ValueError, match=r"numbers for each row, and y has \d column"):
        ModuleRegressor(nn.Linear(4, n_outputs)).fit(X, y)


def test_so_does_a_network_of_skorch():
    skorch = pytest.importorskip("skorch", reason="skorch is not installed")
    model = skorch.NeuralNetRegressor(
        nn.Linear(4, 2), train_split=None, max_epochs=1, verbose=0, batch_size=-1
    )
    with pytest.warns(UserWarning, match="broadcasting"), pytest.raises(ValueError, match="y has"):
        InfluenceExplainer(model).fit(X.astype(np.float32), VALUE[:, None].astype(np.float32))


def test_probabilities_and_logits_are_told_apart():
    layer, softmax = nn.Linear(4, 2), nn.Softmax(dim=1)
    with pytest.raises(ValueError, match="no probabilities"):
        ModuleClassifier(layer, output="proba").fit(X, LABEL)
    with pytest.warns(UserWarning, match="softmax is applied twice"):
        ModuleClassifier(nn.Sequential(layer, softmax)).fit(X, LABEL)
    with torch.no_grad():
        layer.weight *= 1e4
    with pytest.raises(ValueError, match="no logarithm is left"):
        ModuleClassifier(nn.Sequential(layer, softmax), output="proba").fit(X, LABEL)


@pytest.mark.parametrize("estimator", [ModuleClassifier, FeatureMap])
def test_modules_without_numbers_are_refused(estimator):
    lazy, meta = nn.LazyLinear(2), nn.Linear(4, 2, device="meta")
    with pytest.raises(ValueError, match=r"Call the module .* module\(torch.zeros\(2, 4\)\)"):
        estimator(lazy).fit(X, LABEL)
    lazy(torch.zeros(2, 4))  # the advice runs
    estimator(lazy).fit(X, LABEL)
    with pytest.raises(ValueError, match='device "meta"'):
        estimator(meta).fit(X, LABEL)
    meta = meta.to_empty(device="cpu")
    meta.load_state_dict(lazy.state_dict())
    estimator(meta).fit(X, LABEL)


class Recurrent(nn.Module):
    """An LSTM, and perhaps a layer after it."""

    def __init__(self, end=None):
        super().__init__()
        self.start, self.end = nn.LSTM(2, 3, batch_first=True), end or nn.Identity()

    def forward(self, x):
        return self.end(self.start(x.reshape(-1, 2, 2))[0][:, -1])


@pytest.mark.parametrize("layers", [None, ["end"]])
def test_recurrent_layers_go_into_a_feature_map(layers):
    with pytest.raises(ValueError, match="into a FeatureMap before this model"):
        ModuleClassifier(Recurrent(nn.Linear(3, 2)), layers=layers).fit(X, LABEL)
    end = ModuleClassifier(nn.Linear(3, 2), weight_decay=0.1, max_iter=500)
    explainer = InfluenceExplainer(make_pipeline(FeatureMap(Recurrent()), end)).fit(X, LABEL)
    assert explainer.influence(X[:3], LABEL[:3]).shape == (3, 20)  # the advice runs


def test_programs_of_torchscript_are_refused():
    with pytest.raises(TypeError, match="Module that it was made from"):
        ModuleClassifier(torch.jit.script(nn.Linear(4, 2))).fit(X, LABEL)


def test_nothing_to_explain_is_refused():
    for layers, module in (([], nn.Linear(4, 2)), (None, nn.Linear(4, 2).requires_grad_(False))):
        with pytest.raises(ValueError, match="leaves no parameters"):
            ModuleClassifier(module, layers=layers).fit(X, LABEL)


def test_images_are_rows_of_a_table():
    images = X.reshape(20, 1, 2, 2)
    module = nn.Sequential(nn.Unflatten(1, (1, 2, 2)), nn.Conv2d(1, 2, 2), nn.Flatten())
    for estimator in (ModuleClassifier(module), FeatureMap(module)):
        with pytest.raises(ValueError, match=r"Unflatten\(1, \(1, 2, 2\)\)"):
            estimator.fit(images, LABEL)
        estimator.fit(images.reshape(20, -1), LABEL)  # the advice runs


def test_a_feature_map_needs_no_parameters_of_its_own():
    plain = InfluenceExplainer(LogisticRegression()).fit(X, LABEL)
    mapped = InfluenceExplainer(make_pipeline(FeatureMap(nn.Identity()), LogisticRegression()))
    got = mapped.fit(X, LABEL).influence(X[:3], LABEL[:3])
    np.testing.assert_allclose(got, plain.influence(X[:3], LABEL[:3]), rtol=1e-9)


def test_derivatives_of_a_feature_map_need_derivatives_in_its_outputs():
    features = FeatureMap(nn.Linear(4, 2)).fit(X)
    with pytest.raises(ValueError, match=r"Expected \(..., 20, 2\)"):
        features.vjp(X, X)
    assert features.vjp(X, np.ones((3, 20, 2))).shape == (3, 20, 4)


def squared(raw, y):
    return (raw[0] - y) ** 2


def linear(theta, x):
    return theta[0] + x @ theta[1:]


@pytest.mark.parametrize(
    ("prediction", "loss", "start", "expected"),
    [
        (linear, squared, np.zeros(3), "`prediction` fails"),
        (linear, squared, np.full(5, np.nan), "`prediction` returns nan"),
        (linear, lambda raw, y: raw - y, np.zeros(5), "Expected one number"),
        (linear, lambda raw, y: (raw[0] - y).log(), np.zeros(5), "`loss` is nan for row"),
        (linear, lambda raw, y: raw[0] if raw[0] > y else y, np.zeros(5), "torch.where"),
        (linear, lambda raw, y: np.cosh(raw[0] - y), np.zeros(5), "no NumPy"),
    ],
)
def test_functions_of_a_risk_are_checked(prediction, loss, start, expected):
    with pytest.raises(ValueError, match=expected):
        RiskMinimizer(prediction, loss, start).fit(X, VALUE)
