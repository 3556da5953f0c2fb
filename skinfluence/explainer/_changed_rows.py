"""The fitted model and its explainer after training rows were replaced, from what is at hand."""

import copy
from dataclasses import replace
from typing import Any

from sklearn.base import clone

from skinfluence._utils.changed_rows import RowsOfTable
from skinfluence.adapters import inner_estimator, is_frozen, is_search, weight_parameter
from skinfluence.explainer._linearizations.linear import Linearization
from skinfluence.explainer._validation import TableWatch
from skinfluence.objectives import minimize
from skinfluence.objectives._newton import to_optimum
from skinfluence.solvers import AutoSolver
from skinfluence.solvers._iterative.nearby import NearbySolver

#: Stationarity of a refit.
REFIT_TOLERANCE = 1e-9


class ChangedRows:
    """Refits of an explained model in which some training rows are other rows.

    The earlier steps of a pipeline stay as they are fitted. Each refit starts from the last one.

    Parameters
    ----------
    explainer : InfluenceExplainer
    rows : ndarray of int
        Training rows that are replaced, each once.
    """

    def __init__(self, explainer, rows):
        self.explainer, self.rows = explainer, rows
        linearization = explainer.linearization_
        self._last = optimum = linearization.optimum
        self._table = RowsOfTable(explainer.fitted_model_.X, rows)
        self._newton: Any = AutoSolver.for_newton_steps()
        self._inverse: Any = AutoSolver()
        if NearbySolver.serves(optimum):
            base = linearization.optimum_inverse
            if base.factorized and not base.report.null_space.size:
                self._newton = NearbySolver(base, optimum, rows, tol=0.01)
                self._inverse = NearbySolver(base, optimum, rows, tol=1e-5)

    def explain(self, X, replaced):
        """An explainer of the refit to the table X, in which `replaced` (a table) are the rows.

        None where the refit has no optimum.
        """
        made = self.explainer.fitted_model_.table(replaced)
        Z = self._table.with_rows(made)
        objective = self._last.replace(predictor=self._last.predictor.of(Z), dual=None)
        if objective.stands_in:
            objective = to_optimum(objective, self._newton)
        else:
            found = minimize(objective, self._newton, tol=REFIT_TOLERANCE)
            if not found.converged:
                return None
            objective = found.objective
        self._last = objective
        out = copy.copy(self.explainer)
        out.method = "first_order"
        out.X_train_, out.objective_ = X, objective
        out.fitted_model_ = replace(out.fitted_model_, X=Z, objective=objective)
        out._linearization = Linearization(
            out.fitted_model_, self._inverse, 0.0, out.n_jobs, verbose=0
        )
        out._watch = TableWatch(Z)
        return out


def refit_estimator(explainer, X):
    """The user's estimator, all steps of it, fitted to another table with the same labels.

    Of a search the best estimator; None for a model that cannot be fitted again.
    """
    estimator = explainer.estimator_
    while is_search(estimator) or is_frozen(estimator):
        estimator = inner_estimator(estimator)
    estimator = clone(estimator)
    if hasattr(estimator, "results"):  # of statsmodels
        return None
    weight = explainer.sample_weight_train_
    params = {} if weight is None else {weight_parameter(estimator): weight}
    return estimator.fit(X, explainer.y_train_, **params)
