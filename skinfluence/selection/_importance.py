"""How important each training row is: the part I(S) of the objective, one number a row."""

import numpy as np
from sklearn.utils.validation import check_array

SIGNS = {"magnitude": np.abs, "helpful": np.positive, "harmful": np.negative}


def row_scores(explainer, X_test, y_test, target, order):
    """Sum of each row's influences on the test rows, or its self-influence: (n_train,)."""
    if X_test is None:
        if y_test is not None:
            raise ValueError(
                "y_test is given without X_test. Expected both; without test rows the scores are "
                "self-influences."
            )
        return SIGNS[order](explainer.self_influence(method="first_order"))
    tests = explainer.test_rows(X_test, y_test, target=target)
    return SIGNS[order](summed_influence(explainer.linearization_, tests))


def summed_influence(linearization, tests):
    """First-order influence of each training row on the sum over test rows, (n_train,).

    One solution for all test rows: influences are linear in the test gradients.
    """
    gradient = tests.gradients().rmatvec(np.ones(len(tests)))
    rows = np.arange(linearization.objective.n_rows)
    inverse = linearization.inverse_for("first_order", 1)
    objective, changes = linearization.linear_changes(rows, inverse)
    U = inverse.solve(gradient[:, None]).reshape(objective.coef.shape)
    scores = (objective.design.matmul(U.T) * changes.rho).sum(axis=1)
    return scores + changes.shares @ np.einsum("kq,kqm->m", U, changes.directions)


def check_scores(scores, n):
    """Scores of the user's own, as floats; one a training row."""
    scores = check_array(scores, ensure_2d=False, dtype=np.float64, input_name="scores")
    if scores.shape != (n,):
        raise ValueError(
            f"scores has shape {scores.shape}; expected ({n},), one number a training row."
        )
    return scores
