"""Networks of skorch: NeuralNetClassifier, NeuralNetBinaryClassifier and NeuralNetRegressor."""

from functools import partial

import numpy as np

from skinfluence.adapters._families.torch_networks import AS_FITTED
from skinfluence.adapters._linear import refuse, target_values
from skinfluence.adapters._registry import register
from skinfluence.losses import SquaredError
from skinfluence.objectives import Objective, RowWeights, TargetCoding, log_loss_of
from skinfluence.predictors._torch import ClassOutput, ModuleFunction, TorchPredictor
from skinfluence.predictors._torch_checks import check_outputs, returns_flat

#: What the module returns, by the name of the criterion of a classifier.
CRITERIA = {"NLLLoss": "proba", "CrossEntropyLoss": "logits", "BCEWithLogitsLoss": "logits"}
#: Optimisers that add weight_decay times the parameters to the gradient of the mean loss.
OPTIMIZERS = ("SGD", "Adam", "RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "LBFGS")


def _criterion(estimator):
    return getattr(estimator.criterion, "__name__", type(estimator.criterion).__name__)


def _check(known, estimator):
    name = _criterion(estimator)
    refuse(
        estimator,
        name not in known,
        f"criterion={name}",
        f"Expected one of {', '.join(known)}: for others, see skinfluence.networks.RiskMinimizer.",
    )
    given = [key for key in vars(estimator) if key.startswith("criterion__")]
    refuse(
        estimator,
        bool(given),
        f"settings of the criterion {given}",
        "Expected none: weights of classes and label smoothing are not part of the objective.",
    )


def _caveat(estimator):
    held_out = (
        " The rows that train_split holds out are not training rows: their influence is zero."
        if estimator.train_split is not None
        else ""
    )
    return AS_FITTED + held_out + " Dropout and batch statistics of the training are not explained."


def _register(name, *criteria):
    return register("skorch", name, check=partial(_check, criteria), caveat=_caveat)


@_register("NeuralNetClassifier", "NLLLoss", "CrossEntropyLoss")
@_register("NeuralNetBinaryClassifier", "BCEWithLogitsLoss")
def neural_net_classifier(estimator, X, y, sample_weight, settings):
    """Log loss of the module's outputs, or of one log odds."""
    refuse(
        estimator,
        not hasattr(estimator, "classes_"),
        "no classes",
        "Expected a network that was fitted to y; or give classes=[...] to one whose parameters "
        "were loaded.",
    )
    classes = np.asarray(estimator.classes_)
    output = ClassOutput(len(classes), CRITERIA[_criterion(estimator)])
    loss, coding = log_loss_of(classes)
    return _objective(estimator, X, y, sample_weight, loss, coding, output)


@_register("NeuralNetRegressor", "MSELoss")
def neural_net_regressor(estimator, X, y, sample_weight, settings):
    """Half the squared error summed over K outputs: K / 2 times the criterion of skorch."""
    function = ModuleFunction(estimator.module_, X.shape[1])
    flat = returns_flat(function)
    refuse(
        estimator,
        flat != (np.ndim(y) == 1),
        f"y of shape {np.shape(y)} and a module that returns {'(n,)' if flat else '(n, K)'}",
        f"Expected y{'' if flat else '.reshape(len(y), -1)'} of the same shape: skorch broadcasts "
        "the two against each other, and minimises another loss.",
    )
    y = target_values(y)
    K = y.shape[1]
    coding = TargetCoding("real", K)
    return _objective(estimator, X, y, sample_weight, SquaredError(), coding, factor=K / 2)


def _objective(estimator, X, y, sample_weight, loss, coding, output=None, factor=1.0):
    """The mean loss of the training rows plus the weight decay of the optimiser, in sum form."""
    refuse(
        estimator,
        not np.all(sample_weight == 1.0),
        "sample_weight",
        "Expected none: skorch does not train with weights.",
    )
    function = ModuleFunction(estimator.module_, X.shape[1], output=output)
    weights = RowWeights(_trained_on(estimator, X, y).astype(np.float64))
    decay = function.spread(_weight_decay(estimator)) * factor * weights.base.sum()
    predictor = TorchPredictor(X, function.parameters(), function)
    check_outputs(predictor, coding.n_outputs)
    target = coding.encode(y)
    return Objective(loss, predictor, target, decay, weights, coding, penalty_scaling="mean")


def _trained_on(estimator, X, y):
    """Whether each row was trained on, and not held out by `train_split`."""
    n = X.shape[0]
    if estimator.train_split is None:
        return np.ones(n, dtype=bool)
    parts = [estimator.get_split_datasets(np.arange(n)[:, None], np.asarray(y)) for _ in range(2)]
    rows = [np.sort([int(train[i][0][0]) for i in range(len(train))]) for train, _ in parts]
    refuse(
        estimator,
        not np.array_equal(*rows),
        "a train_split that draws other rows each time",
        "Expected an integer random_state of it, or train_split=None.",
    )
    return np.isin(np.arange(n), rows[0])


def _weight_decay(estimator):
    """Weight decay of each parameter of the module, by name."""
    optimizer = estimator.optimizer_
    name = type(optimizer).__name__
    decays = {
        id(parameter): group.get("weight_decay", 0.0)
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    refuse(
        estimator,
        name not in OPTIMIZERS and any(decays.values()),
        f"optimizer={name} with weight_decay",
        f"Expected weight_decay=0 or one of {', '.join(OPTIMIZERS)}: a decay of the parameters "
        "themselves is not the derivative of a penalty.",
    )
    named = dict(estimator.module_.named_parameters())
    return {name: decays.get(id(parameter), 0.0) for name, parameter in named.items()}
