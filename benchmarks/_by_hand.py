"""What one writes by hand in numpy and scipy: the ways that skinfluence must not be slower than."""

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit


def _pieces(case):
    """(Z, Z_test, p, p_test, Hessian) with the intercept as a column of ones."""
    estimator = case.estimator
    Z, Z_test, theta = case.X, case.X_test, estimator.coef_[0]
    penalty = np.full(len(theta), 1.0 / estimator.C)
    if estimator.fit_intercept:
        Z = np.column_stack([Z, np.ones(len(Z))])
        Z_test = np.column_stack([Z_test, np.ones(len(Z_test))])
        theta = np.append(theta, estimator.intercept_)
        penalty = np.append(penalty, 0.0)
    p = expit(Z @ theta)
    hessian = Z.T @ ((p * (1 - p))[:, None] * Z) + np.diag(penalty)
    return Z, Z_test, p, expit(Z_test @ theta), hessian


def smaller_side(case):
    """First order: solve for the gradients of the test rows, then one product."""
    Z, Z_test, p, p_test, hessian = _pieces(case)
    gradients = (p - case.y)[:, None] * Z
    test_gradients = (p_test - case.y_test)[:, None] * Z_test
    solved = cho_solve(cho_factor(hessian), test_gradients.T)  # shape: (p, n_test)
    return solved.T @ gradients.T


def factors(case):
    """(weighted rows, solved test gradients, training gradients): what the two products take."""
    Z, Z_test, p, p_test, hessian = _pieces(case)
    solved = np.linalg.solve(hessian, ((p_test - case.y_test)[:, None] * Z_test).T)
    return np.sqrt(p * (1 - p))[:, None] * Z, solved.T, (p - case.y)[:, None] * Z


def two_products(pieces):
    """The Gram matrix of the rows and the influence matrix: what no method by a Hessian avoids."""
    weighted, solved, gradients = pieces
    weighted.T @ weighted  # numpy calls syrk: half the multiplications of a general product
    return solved @ gradients.T


def all_training_rows(case):
    """First order: solve for the gradients of all training rows."""
    Z, Z_test, p, p_test, hessian = _pieces(case)
    gradients = (p - case.y)[:, None] * Z
    test_gradients = (p_test - case.y_test)[:, None] * Z_test
    solved = cho_solve(cho_factor(hessian), gradients.T)  # shape: (p, n)
    return test_gradients @ solved


def newton_step(case):
    """The Newton step: leverages, moved raw predictions, change of the loss."""
    Z, Z_test, p, p_test, hessian = _pieces(case)
    inverse = cho_solve(cho_factor(hessian), np.eye(len(hessian)))
    leverage = p * (1 - p) * np.einsum("ij,ij->i", Z @ inverse, Z)
    moved = (Z_test @ inverse) @ Z.T * ((p - case.y) / (1 - leverage))
    margin = np.where(case.y_test == 1, -1.0, 1.0)[:, None]  # loss = log(1 + exp(margin * raw))
    raw = np.log(p_test / (1 - p_test))[:, None]
    return np.logaddexp(0, margin * (raw + moved)) - np.logaddexp(0, margin * raw)
