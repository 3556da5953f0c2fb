"""Checks of a user's module or function of PyTorch before it is explained."""

from contextlib import contextmanager

import numpy as np

from skinfluence.predictors._torch import import_torch

#: Rows that are computed together, and one by one.
N_CHECKED = 8
#: Largest difference between the two, as a share of the largest output.
TOLERANCE = 1e-6


def check_table(X):
    """Raise for images that are not rows of a table."""
    shape = tuple(getattr(X, "shape", ()))
    if len(shape) > 2:
        sides = ", ".join(map(str, shape[1:]))
        raise ValueError(
            f"X has shape {shape}. Expected a table (n_rows, n_features): pass "
            "X.reshape(len(X), -1), and let the module begin with "
            f"torch.nn.Unflatten(1, ({sides}))."
        )


@contextmanager
def explained_errors(what, n_features):
    """Errors of PyTorch inside a user's function say what the function has to be."""
    try:
        yield
    except (RuntimeError, IndexError, TypeError, AttributeError) as error:
        first = str(error).strip().splitlines()[0].rstrip(".")
        raise ValueError(
            f"{what} fails on rows of {n_features} numbers in double precision: {first}. Expected "
            "functions of PyTorch alone, for float64 tensors of rows (n, n_features): no casts "
            "such as .float(), no NumPy, and torch.where instead of `if` on values. Recurrent "
            "layers and attention lack derivatives of PyTorch: put them into a FeatureMap before "
            "this model."
        ) from error


def check_outputs(predictor, n_outputs=None, what="The module"):
    """Raise unless each row has finite outputs that depend on this row alone.

    Parameters
    ----------
    predictor : TorchPredictor
    n_outputs : int, default=None
        Expected outputs of a row; None for any number.
    what : str
        The subject of the error.
    """
    n = min(predictor.n_rows, N_CHECKED)
    some, ends = predictor.take(np.arange(n)), [0, n - 1]
    with explained_errors(what, predictor.X.shape[1]):
        try:
            raw = some.raw()
            alone = np.concatenate([some.take([i]).raw() for i in ends])
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            raise ValueError(f"{what} fails on one row alone: {error}. {_ALONE}") from error
        _check_numbers(raw, n_outputs, what)
        if np.abs(alone - raw[ends]).max() > TOLERANCE * np.abs(raw).max():
            raise ValueError(
                f"{what} gives a row other outputs with other rows in the batch, or from call to "
                f"call. {_ALONE}"
            )
        _check_derivatives(some.take(ends), raw.shape[1])


_ALONE = (
    "Expected outputs that depend on the row alone: torch.nn.Dropout, which predictions turn off, "
    "and batch normalisation with running statistics."
)


def returns_flat(function):
    """Whether the module of a ModuleFunction returns one number a row, without an axis for it."""
    torch = import_torch()
    rows = torch.zeros(2, function.n_features, dtype=torch.float64, device=function.device)
    with torch.no_grad():
        return function.module(rows).ndim == 1


def _check_numbers(raw, n_outputs, what):
    if raw.dtype != np.float64:
        raise ValueError(
            f"{what} returns {raw.dtype} for rows of float64. Expected float64: without casts, "
            "second derivatives keep their digits."
        )
    if n_outputs is not None and raw.shape[1] != n_outputs:
        raise ValueError(
            f"{what} returns {raw.shape[1]} numbers for each row, and y has {n_outputs} "
            "column(s). Expected as many outputs as targets."
        )
    if not np.isfinite(raw).all():
        raise ValueError(
            f"{what} returns {raw[~np.isfinite(raw)][0]} for the first rows. Expected finite "
            "numbers: look at its parameters and at the scale of the rows."
        )


def _check_derivatives(rows, n_outputs):
    """Run each kind of differentiation once, so that what has no derivative fails here."""
    n = rows.n_rows
    if rows.n_parameters:
        rows.vjp(np.ones((n, n_outputs, 1)))
        rows.jvp(np.zeros((rows.n_parameters, 2)))
        rows.row_vjp(np.ones((n, n_outputs)))
    else:
        rows.input_vjp(np.ones((n, n_outputs)))
