"""The exact answers that every way is compared with, in the plainest numpy."""

import numpy as np
from scipy.special import expit


def exact_influence(case, formula, *, polished=False, intercept_penalised=False):
    """First order or the Newton step, (n_test, n_train).

    `polished` takes the coefficients at the optimum and not those of the estimator;
    `intercept_penalised` adds the penalty to the intercept's curvature too, as some packages do.
    """
    Z, Z_test, theta, penalty = _design(case)
    if polished:
        theta = _optimum(Z, case.y, theta, penalty)
    if intercept_penalised:
        penalty = np.full_like(penalty, penalty[0])
    p, p_test = expit(Z @ theta), expit(Z_test @ theta)
    hessian = _hessian(Z, p, penalty)
    if formula == "first_order":
        solved = np.linalg.solve(hessian, ((p_test - case.y_test)[:, None] * Z_test).T)
        return solved.T @ ((p - case.y)[:, None] * Z).T
    solved = np.linalg.solve(hessian, Z.T)  # shape: (p, n)
    leverage = p * (1 - p) * np.einsum("ij,ji->i", Z, solved)
    moved = (Z_test @ solved) * ((p - case.y) / (1 - leverage))
    raw = (Z_test @ theta)[:, None]
    margin = np.where(case.y_test == 1, -1.0, 1.0)[:, None]  # loss = log(1 + exp(margin * raw))
    return np.logaddexp(0, margin * (raw + moved)) - np.logaddexp(0, margin * raw)


def refitted_influence(case, rows):
    """Change of the test losses when each of `rows` is deleted and Newton's method converges."""
    Z, Z_test, theta, penalty = _design(case)
    margin = np.where(case.y_test == 1, -1.0, 1.0)
    theta = _optimum(Z, case.y, theta, penalty)
    before = np.logaddexp(0, margin * (Z_test @ theta))
    p = expit(Z @ theta)
    factor = np.linalg.inv(_hessian(Z, p, penalty))
    out = np.empty((len(Z_test), len(rows)))
    for j, row in enumerate(rows):
        kept = np.ones(len(Z))
        kept[row] = 0.0
        without = theta.copy()
        for _ in range(50):  # the Hessian with the row serves: the change is small
            step = factor @ (Z.T @ (kept * (expit(Z @ without) - case.y)) + penalty * without)
            without -= step
            if np.abs(step).max() < 1e-13 * np.abs(without).max():
                break
        out[:, j] = np.logaddexp(0, margin * (Z_test @ without)) - before
    return out


def _design(case):
    """(Z, Z_test, coefficients, penalty), with the intercept as a last column of ones."""
    estimator = case.estimator
    Z, Z_test, theta = case.X, case.X_test, estimator.coef_[0]
    penalty = np.full(len(theta), 1.0 / estimator.C)
    if estimator.fit_intercept:
        Z = np.column_stack([Z, np.ones(len(Z))])
        Z_test = np.column_stack([Z_test, np.ones(len(Z_test))])
        theta, penalty = np.append(theta, estimator.intercept_), np.append(penalty, 0.0)
    return Z, Z_test, theta, penalty


def _hessian(Z, p, penalty):
    return Z.T @ ((p * (1 - p))[:, None] * Z) + np.diag(penalty)


def _optimum(Z, y, theta, penalty):
    for _ in range(20):
        p = expit(Z @ theta)
        step = np.linalg.solve(_hessian(Z, p, penalty), Z.T @ (p - y) + penalty * theta)
        theta = theta - step
        if np.abs(step).max() < 1e-14 * np.abs(theta).max():
            break
    return theta
