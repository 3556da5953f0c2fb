"""check_solver: an inverse Hessian against a dense pseudo-inverse."""

import numpy as np


def check_solver(solver, hessian, *, rtol=1e-8):
    """Raise AssertionError unless a solver inverts a Hessian.

    Products, quadratic forms and leverages are compared with the Moore-Penrose inverse of
    ``hessian.to_dense()``, in units in which the Hessian has a unit diagonal, so that columns of
    very different scales count alike.

    Parameters
    ----------
    solver : Solver
    hessian : Hessian
        Of moderate size: it is made dense.
    rtol : float, default=1e-8
        Largest error, relative to the largest number of its kind.

    Returns
    -------
    InverseHessian
        For further questions.

    Raises
    ------
    AssertionError
        Names what disagrees, and by how much.
    """
    inverse = solver.factorize(hessian)
    expected, scale, null = dense_inverse(hessian)
    K, q = hessian.n_outputs, hessian.n_columns
    V = np.random.default_rng(0).standard_normal((K * q, 3)) * scale[:, None]
    unit = scale[:, None]
    _close(unit * inverse.solve(V), unit * (expected @ V), rtol, "solve")
    _close(unit * (inverse @ V), unit * (expected @ V), rtol, "product with a matrix")
    _close(scale * (inverse @ V[:, 0]), scale * (expected @ V[:, 0]), rtol, "product with a vector")
    _close(unit * (inverse.T @ V), unit * (expected @ V), rtol, "transposed product")

    Z = hessian.design.to_dense()
    blocks = expected.reshape(K, q, K, q)
    forms = np.einsum("nq,kqjr,nr->nkj", Z, blocks, Z, optimize=True)
    _close(inverse.leverage_blocks_of(hessian.predictor), forms, rtol, "leverage_blocks_of")
    _close(
        inverse.leverage_blocks(np.array([1])),
        forms[[1]],
        rtol,
        "leverage_blocks of one row",
        forms,
    )
    _close(inverse.leverage_blocks(), forms, rtol, "leverage_blocks")
    some = np.array([2, 0])
    _close(inverse.leverage_blocks(some), forms[some], rtol, "leverage_blocks of two rows", forms)
    if inverse.factorized:
        _check_report(inverse, hessian, null)
    return inverse


def _check_report(inverse, hessian, null):
    p = hessian.shape[0]
    report = inverse.report
    assert report.n_parameters == p, f"n_parameters is {report.n_parameters}, not {p}"
    assert report.rank == p - null.shape[1], f"rank is {report.rank}, not {p - null.shape[1]}"
    n_free = hessian.non_identifiable.shape[1]
    found = report.null_space
    assert found.shape == (p, null.shape[1] - n_free), f"null_space has shape {found.shape}"
    _close(found.T @ found, np.eye(found.shape[1]), 1e-8, "null_space is not orthonormal")
    # within the null space of the dense matrix
    _close(null @ (null.T @ found), found, 1e-6, "null_space has curvature")


def dense_inverse(hessian):
    """(Moore-Penrose inverse, scale, null space) of a Hessian, all dense.

    The scale is the root of the diagonal. The pseudo-inverse is found on the unit-diagonal
    matrix, where no column is small, and projected: any G with H G H = H gives P G P = H^+, with
    P the projection on the range of H.
    """
    dense = hessian.to_dense()
    diagonal = np.diag(dense)
    scale = np.where(diagonal > 0, np.sqrt(np.abs(diagonal)), 1.0)
    unit = dense / scale[:, None] / scale
    values, vectors = np.linalg.eigh(unit)
    flat = values < 1e-11
    inner = np.linalg.pinv(unit, rcond=1e-11, hermitian=True) / scale[:, None] / scale
    null, _ = np.linalg.qr(vectors[:, flat] / scale[:, None])
    projection = np.eye(len(dense)) - null @ null.T
    return (projection @ inner @ projection if flat.any() else inner), scale, null


def _close(actual, expected, rtol, what, scale_of=None):
    scale = np.abs(expected if scale_of is None else scale_of).max(initial=0.0)
    error = np.abs(actual - expected).max(initial=0.0)
    assert error <= rtol * max(scale, np.finfo(float).tiny) or error == 0, (
        f"{what} is off by {error:.1e}; expected at most {rtol * scale:.1e}"
    )
