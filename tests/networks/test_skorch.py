"""Networks of skorch, by name."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator

from skinfluence import InfluenceExplainer, supports
from skinfluence.adapters import UnsupportedEstimatorError

torch = pytest.importorskip("torch", reason="torch is not installed")
skorch = pytest.importorskip("skorch", reason="skorch is not installed")
from torch import nn  # noqa: E402

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 4)).astype(np.float32)
VALUE = X[:, 0] + X[:, 1] ** 2 + 0.3 * RNG.standard_normal(60).astype(np.float32)
CLASS = np.digitize(VALUE, [0.5, 1.5])
LABEL = (VALUE > 1).astype(np.int64)


def module(n_outputs, *end):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, n_outputs), *end)


def net(cls, n_outputs, *end, **settings):
    given = {
        "train_split": None, "max_epochs": 600, "lr": 0.3, "batch_size": -1, "verbose": 0,
        "optimizer": torch.optim.SGD, "optimizer__momentum": 0.9, "optimizer__weight_decay": 0.05,
    } | settings  # fmt: skip
    return cls(module(n_outputs, *end), **given)


CASES = {
    "classes": lambda: (net(skorch.NeuralNetClassifier, 3, nn.Softmax(dim=1)), CLASS),
    "logits": lambda: (
        net(skorch.NeuralNetClassifier, 2, criterion=nn.CrossEntropyLoss),
        LABEL,
    ),
    "binary": lambda: (net(skorch.NeuralNetBinaryClassifier, 1, nn.Flatten(0)), LABEL),
    "values": lambda: (net(skorch.NeuralNetRegressor, 1), VALUE[:, None]),
}


@pytest.mark.parametrize("case", CASES)
def test_a_trained_network_is_at_the_optimum_of_its_objective(case):
    """Momentum of full batches converges: the penalty, the scale and the loss are right."""
    model, y = CASES[case]()
    y = y.astype(np.float32) if case == "binary" else y
    explainer = InfluenceExplainer(model).fit(X, y)
    assert explainer.stationarity_ < 1e-4
    fitted = explainer.fitted_model_.model
    objective = explainer.objective_
    if case == "values":
        assert np.abs(objective.raw_prediction - fitted.predict(X)).max() < 1e-5
    else:
        p = objective.loss.probability(objective.raw_prediction)
        assert np.abs(p - fitted.predict_proba(X)).max() < 1e-5


def test_targets_that_skorch_would_broadcast_are_refused():
    model = net(skorch.NeuralNetRegressor, 1, max_epochs=1)
    expected = r"Expected y.reshape\(len\(y\), -1\)"
    with pytest.warns(UserWarning, match="broadcasting"):
        model.fit(X, VALUE)
    with pytest.raises(UnsupportedEstimatorError, match=expected):
        InfluenceExplainer(FrozenEstimator(model)).fit(X, VALUE)


def test_a_removal_is_that_of_the_training_without_the_row():
    model, y = CASES["logits"]()
    explainer = InfluenceExplainer(model).fit(X, y)
    got = explainer.influence(X[:5], y[:5], rows=[7], method="newton_step")[:, 0]
    warm = module(2)
    warm.load_state_dict(explainer.fitted_model_.model.module_.state_dict())
    again = model.__class__(**(model.get_params(deep=False) | {"module": warm}))
    again.fit(np.delete(X, 7, axis=0), np.delete(y, 7))
    before, after = (
        -np.log(m.predict_proba(X[:5])[np.arange(5), y[:5]])
        for m in (explainer.fitted_model_.model, again)
    )
    assert np.abs(got - (after - before)).max() < 0.05 * np.abs(after - before).max()


def test_rows_of_the_validation_have_no_influence():
    model, y = CASES["logits"]()
    model.set_params(train_split=skorch.dataset.ValidSplit(5, stratified=True))
    explainer = InfluenceExplainer(model).fit(X, y)
    assert explainer.stationarity_ < 1e-4
    influence = explainer.influence(X[:3], y[:3], method="first_order")
    assert (np.abs(influence).max(axis=0) == 0).sum() == 12


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"criterion": nn.MultiMarginLoss}, "criterion=MultiMarginLoss"),
        ({"criterion__label_smoothing": 0.1}, "settings of the criterion"),
        ({"optimizer": torch.optim.AdamW, "max_epochs": 1}, "optimizer=AdamW"),
        (
            {"train_split": skorch.dataset.ValidSplit(0.2), "max_epochs": 1},
            "draws other rows each time",
        ),
    ],
)
def test_what_is_no_objective_is_refused(settings, expected):
    settings = {"criterion": nn.CrossEntropyLoss} | settings
    if settings.get("optimizer") is torch.optim.AdamW:
        settings["optimizer__momentum"] = None
        model = skorch.NeuralNetClassifier(
            module(2), criterion=nn.CrossEntropyLoss, optimizer=torch.optim.AdamW, train_split=None,
            max_epochs=1, verbose=0,
        )  # fmt: skip
    else:
        model = net(skorch.NeuralNetClassifier, 2, **settings)
    with pytest.raises(UnsupportedEstimatorError, match=expected):
        InfluenceExplainer(model).fit(X, LABEL)


def test_a_network_that_was_never_fitted_needs_its_classes():
    model, y = CASES["logits"]()
    with pytest.raises(UnsupportedEstimatorError, match=r"fitted to y; or give classes=\[...\]"):
        InfluenceExplainer(FrozenEstimator(model.initialize()), damping=10.0).fit(X, y)
    model.set_params(classes=[0, 1])  # the advice runs
    with pytest.warns(ConvergenceWarning):
        InfluenceExplainer(FrozenEstimator(model.initialize()), damping=10.0).fit(X, y)


def test_a_network_that_stopped_early_is_explained_as_it_is():
    model, y = CASES["logits"]()
    model = model.set_params(max_epochs=3).fit(X, y)
    with pytest.warns(ConvergenceWarning):
        explainer = InfluenceExplainer(FrozenEstimator(model), damping=1.0).fit(X, y)
    weights = [p.detach().numpy().ravel() for p in model.module_.parameters()]
    assert np.abs(explainer.objective_.coef - np.concatenate(weights)).max() < 1e-7
    assert "surroundings" in supports(model).reason
