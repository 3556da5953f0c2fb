"""Functionals by name, and a functional of a fitted model with its test rows."""

from collections.abc import Callable
from functools import partial

import numpy as np

from skinfluence.functionals._coefficients import CoefficientFunctional, meant
from skinfluence.groups import group_influence
from skinfluence.targets import AUROC, TARGETS, Accuracy, AveragePrecision, Mean, Score, Target

#: Maker of each functional that has a name: scikit-learn's scorers, and means of targets.
FUNCTIONALS: dict[str, Callable[[], Target]] = {
    "accuracy": Accuracy,
    "balanced_accuracy": partial(Accuracy, balanced=True),
    "roc_auc": partial(AUROC, 0.0),
    "average_precision": partial(AveragePrecision, 0.0),
    **{name: partial(Score, name) for name in Score.names},
    **{name: partial(Mean, name) for name in TARGETS},
}


def bind(explainer, functional, X_test, y_test):
    """The functional of the explainer's model: of test rows, or of the coefficients."""
    if isinstance(functional, str):
        if functional not in FUNCTIONALS:
            near = meant(functional, FUNCTIONALS)
            raise ValueError(
                f"functional={functional!r} is not known.{near} Expected one of "
                f"{list(FUNCTIONALS)}, or an object of skinfluence.targets or "
                "skinfluence.functionals, such as EqualOpportunityGap(groups) or TValue('age')."
            )
        functional = FUNCTIONALS[functional]()
    if isinstance(functional, CoefficientFunctional):
        if X_test is not None or y_test is not None:
            raise ValueError(
                f"{type(functional).__name__} is a function of the coefficients and takes no test "
                "rows. Leave X_test and y_test out."
            )
        return functional._bind(explainer)
    if not isinstance(functional, Target):
        raise TypeError(
            f"functional is {functional!r}. Expected a name, one of {list(FUNCTIONALS)}, or an "
            "object of skinfluence.targets or skinfluence.functionals. A function of your own goes "
            "into skinfluence.targets.FunctionTarget(func, gradient)."
        )
    if X_test is None:
        raise ValueError(
            "X_test is missing: this functional is a number of test rows. Pass X_test, and y_test "
            "where it compares predictions with labels."
        )
    if not functional.joint:
        functional = Mean(functional)
    return OfTestRows(explainer, functional, X_test, y_test)


class OfTestRows:
    """A functional of the predictions for test rows.

    Parameters
    ----------
    explainer : InfluenceExplainer
    target : JointTarget
    X_test, y_test
        As for :func:`~skinfluence.functionals.influence_on`.
    """

    def __init__(self, explainer, target, X_test, y_test):
        self._explainer = explainer
        self._asked = {"X_test": X_test, "y_test": y_test, "target": target}
        self._tests = explainer.test_rows(**self._asked)

    @property
    def name(self):
        return self._tests.target.name

    def value(self):
        """Value of the fitted model."""
        return float(self._tests.value())

    def of(self, objective):
        """Value of another model on the same columns."""
        raw = objective.raw_predictions(self._tests.predictor)
        return float(self._tests.target.value(raw))

    def row_effects(self, method, rows):
        """Value without each row minus the value with it, (n_rows,)."""
        return self._explainer.influence(**self._asked, method=method, rows=rows)[0]

    def group_effects(self, method, groups):
        """The same of groups, (n_groups,)."""
        return group_influence(self._explainer, groups, **self._asked, method=method)[0]

    def after(self, order):
        """Predicted value after the removals of an order."""
        predictor = self._tests.predictor
        moved = predictor.with_coef(predictor.coef + order.change)
        return float(self._tests.target.value(moved.raw()))

    def greedy_gains(self, order):
        """Effect of removing each further row, with its leverage, to first order in the value."""
        return order.linear_gains(self._tests.coef_gradient(order.change))

    def first_order(self):
        """Influence of every row, (n_train,)."""
        return np.asarray(self.row_effects("first_order", None), dtype=np.float64)
