"""MLPClassifier and MLPRegressor at the parameters where their training stopped."""

import numbers

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, gen_batches

from skinfluence.adapters._linear import refuse, target_values
from skinfluence.adapters._registry import register_path
from skinfluence.losses import HalfTweedie, Logistic, SquaredError
from skinfluence.losses._joined import JoinedLoss
from skinfluence.objectives import Objective, RowWeights, TargetCoding, log_loss_of
from skinfluence.objectives._joined_coding import JoinedCoding
from skinfluence.predictors import Perceptron

AS_FITTED = (
    "Explained at the parameters as fitted, which are at no optimum of a network's loss: "
    "influences, and refits too, describe its surroundings and not another training."
)
HELD_OUT = (
    "The rows that early_stopping held out are not training rows: their influence is zero, and "
    "other rows are not exchanged for them."
)


def _check(estimator):
    early = estimator.early_stopping and estimator.solver != "lbfgs"
    refuse(
        estimator,
        early and not isinstance(estimator.random_state, numbers.Integral),
        f"early_stopping=True and random_state={estimator.random_state!r}",
        "Expected an integer: the rows that it held out of training are not stored, and are drawn "
        "again.",
    )
    refuse(
        estimator,
        early and estimator.warm_start,
        "early_stopping=True and warm_start=True",
        "Expected warm_start=False: the rows that were held out depend on all earlier fits.",
    )


def _caveat(estimator):
    early = estimator.early_stopping and estimator.solver != "lbfgs"
    return f"{AS_FITTED} {HELD_OUT}" if early else AS_FITTED


_EXAMPLE = {
    "hidden_layer_sizes": 3,
    "random_state": 0,
    "activation": "tanh",
    "solver": "lbfgs",
    "alpha": 1.0,
}


class LabelSets(JoinedCoding):
    """Several labels a row, of one model: no row is the last of a class."""

    def decode(self, y):
        """One class for all sets of labels."""
        return np.zeros(len(y), dtype=np.intp)

    def encode_new(self, y, what):
        """Targets of new sets of labels, which are no classes."""
        return self.encode(y), None


@register_path("sklearn.neural_network.MLPClassifier", _EXAMPLE, check=_check, caveat=_caveat)
def mlp_classifier(estimator, X, y, sample_weight, settings):
    """Log loss: of one raw prediction for two classes, of K for more, summed for several labels."""
    if estimator._label_binarizer.y_type_.startswith("multilabel"):
        return _multilabel_objective(estimator, X, y, sample_weight, settings)
    loss, coding = log_loss_of(estimator.classes_)
    codes = coding.codes(y)
    target = coding.encode_codes(codes)
    return _objective(estimator, X, target, coding, loss, sample_weight, settings, codes)


def _multilabel_objective(estimator, X, y, sample_weight, settings):
    K = estimator.n_outputs_
    coding = LabelSets([TargetCoding("margin", 1, np.array([0, 1]))] * K)
    loss = JoinedLoss([Logistic()] * K, [1] * K)
    y = coding.encode(y.toarray() if hasattr(y, "toarray") else y)
    return _objective(estimator, X, y, coding, loss, sample_weight, settings)


@register_path("sklearn.neural_network.MLPRegressor", _EXAMPLE, check=_check, caveat=_caveat)
def mlp_regressor(estimator, X, y, sample_weight, settings):
    """Half the squared error summed over outputs, as its gradient has it; or half the deviance."""
    y = target_values(y)
    coding = TargetCoding("real", y.shape[1])
    loss = HalfTweedie(1) if estimator.loss == "poisson" else SquaredError()
    return _objective(estimator, X, coding.encode(y), coding, loss, sample_weight, settings)


def _objective(estimator, X, y, coding, loss, sample_weight, settings, codes=None):
    """The sum over rows plus alpha / 2 times the squared weights, once for each batch of an epoch.

    Each batch of scikit-learn divides its sum of weighted losses and ``alpha / 2 ||W||^2`` by the
    sum of its weights. With several batches the penalty counts as often as there are batches, and
    grows with the rows; a last batch that is smaller divides by less.
    """
    rows = np.arange(len(y))
    if estimator.early_stopping and estimator.solver != "lbfgs":
        rows = _training_rows(estimator, len(y), codes)
        # the rest has weight zero: it was not trained on
        sample_weight = np.where(np.isin(np.arange(len(y)), rows), sample_weight, 0.0)
    factor, weights = _penalty_factor(estimator, len(rows)), RowWeights(sample_weight)
    several = factor != 1.0
    if several:
        amounts = np.zeros(len(y))
        amounts[rows] = 1.0
        weights = RowWeights(sample_weight, amounts=amounts)
    predictor = Perceptron.from_layers(
        X, estimator.coefs_, estimator.intercepts_, estimator.activation
    )
    zeros = [np.zeros_like(b, dtype=float) for b in estimator.intercepts_]
    alphas = [np.full(W.shape, estimator.alpha * factor) for W in estimator.coefs_]
    penalty = Perceptron.from_layers(X, alphas, zeros, estimator.activation).coef
    scaling = "mean" if several else settings.penalty_scaling
    return Objective(loss, predictor, y, penalty, weights, coding, penalty_scaling=scaling)


def _penalty_factor(estimator, n):
    """How often the penalty counts in the sum over n rows that the steps of an epoch minimise."""
    if estimator.solver == "lbfgs":
        return 1.0
    size = min(200, n) if estimator.batch_size == "auto" else np.clip(estimator.batch_size, 1, n)
    sizes = [batch.stop - batch.start for batch in gen_batches(n, int(size))]
    return float(n * np.mean(1.0 / np.array(sizes)))


def _training_rows(estimator, n, codes):
    """Rows that early stopping did not hold out: drawn as `fit` drew them."""
    rng = check_random_state(estimator.random_state)
    for W, b in zip(estimator.coefs_, estimator.intercepts_, strict=True):
        rng.uniform(size=W.shape)  # the start of the training was drawn before
        rng.uniform(size=b.shape)
    stratify = codes if codes is not None and estimator.n_outputs_ == 1 else None
    held_out = estimator.validation_fraction
    return train_test_split(np.arange(n), random_state=rng, test_size=held_out, stratify=stratify)[
        0
    ]
