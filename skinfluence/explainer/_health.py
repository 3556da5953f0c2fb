"""Health report: optimum, curvature, null space, leverages and solver."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.linalg import qr
from scipy.sparse.linalg import ArpackError, eigsh

from skinfluence._utils.frames import make_frame
from skinfluence._utils.tables import Pairs, Readable
from skinfluence._utils.warnings import warn_user

#: Columns that are named of a direction.
MOST_TERMS = 5


@dataclass(frozen=True, repr=False)
class Health(Readable):
    """Report of :meth:`InfluenceExplainer.health`; prints as text, shows as HTML, `frame` a table.

    Attributes
    ----------
    n_rows, n_parameters : int
    stationarity : float
        max|J'| relative to the data-term gradients, at the estimator's own coefficients.
    polished_stationarity : float
        The same where the influences are taken.
    moved : float
        Largest change of a training row's raw prediction by polishing, relative to their spread.
    distance_to_optimum : float
        Of the coefficients as fitted, in units of what sampling does; see
        :func:`skinfluence.objectives.distance_to_optimum`. 0 where no prediction moved, NaN
        without polishing.
    smallest_curvature, largest_curvature : float
        Extreme eigenvalues of the (damped) Hessian, or of the Fisher matrix in its place, on the
        directions that have curvature. Under an iterative solver the smallest is an estimate from
        random solutions, and never too small.
    condition : float
        Their ratio.
    null_directions : list of str
        Directions of the coefficients without curvature, by column name.
    effective_dof : float
        Sum of the leverages; under an iterative solver an estimate from 16 random solutions.
    high_leverage : ndarray of int
        Positions of the training rows with leverage over 0.5, highest first. Not computed under
        an iterative solver, for which each row is a solution of its own: call `leverage()`.
    high_leverage_names : pandas.Index or ndarray
        Their names in the index of the training data; their positions without one.
    leverage_is_known : bool
        Whether they were computed.
    solver, solver_reason, method : str
    damping : float
    newton_step_is_exact : bool
        Whether the loss is quadratic and nothing is damped.
    curvature : str
        Which matrix was inverted; leverages and effective parameters are those of the Hessian.
    is_hessian : bool
        Whether that matrix is the Hessian, under whatever name.
    solution : str
        How exact the last solution of an iterative or random solver was; empty for factorisations.
    stands_in : bool
        Whether a smooth hinge stands in for the hinge of the estimator: leverages, curvature and
        stationarity are then those of the smooth machine.
    """

    n_rows: int
    n_parameters: int
    stationarity: float
    polished_stationarity: float
    moved: float
    smallest_curvature: float
    largest_curvature: float
    condition: float
    null_directions: list
    effective_dof: float
    high_leverage: np.ndarray
    high_leverage_names: Any
    solver: str
    solver_reason: str
    method: str
    damping: float
    newton_step_is_exact: bool
    curvature: str = "hessian"
    is_hessian: bool = True
    leverage_is_known: bool = True
    solution: str = ""
    distance_to_optimum: float = float("nan")
    _far: str | None = field(default=None, repr=False)
    stands_in: bool = False
    _backend: str | None = field(default=None, repr=False)

    def advice(self):
        """Sentences on what needs attention; empty when nothing does."""
        out = []
        if self._far:
            out.append(self._far)
        if not self.is_hessian:
            out.append(
                f"A Fisher matrix (curvature={self.curvature!r}) stands in for the Hessian: "
                "influences rank rows, and their size is not that of refits."
            )
        if self.stands_in and self.method != "refit":
            out.append(
                f"A smooth hinge stands in for the hinge: {self.method!r} describes that machine, "
                "and can be far from refits of the hinge. score() compares with those; "
                'method="refit" or "auto" computes them.'
            )
        if self.null_directions and self.solver == "svd":
            out.append(
                "LinearRegression dropped small singular values: what it fitted is explained. "
                "Scale the features (StandardScaler) if nothing is to be dropped."
            )
        elif self.null_directions:
            out.append(
                "Some directions have no curvature: coefficients there are arbitrary, raw "
                "predictions of rows like the training rows are not affected."
            )
        if len(self.high_leverage) and self.method != "refit":
            n = len(self.high_leverage)
            out.append(
                f"{n} {'row has' if n == 1 else 'rows have'} leverage over 0.5: first order is "
                + (
                    "inaccurate there, the Newton step is exact."
                    if self.newton_step_is_exact
                    else 'inaccurate there; use method="refit" with rows=health().high_leverage.'
                )
            )
        if self.condition > 1e10:
            name = "Hessian" if self.is_hessian else "Fisher matrix"
            out.append(f"The {name} is ill-conditioned ({self.condition:.1e}): scale features.")
        return out

    def _parts(self):
        null = "; ".join(self.null_directions) or "none"
        rows = ", ".join(map(str, self.high_leverage_names[:10].tolist()))
        rows = f"rows {rows}" if rows else "none" if self.leverage_is_known else "not computed"
        more = len(self.high_leverage) - 10
        rows += f" and {more} more" if more > 0 else ""
        items = [
            ("rows / parameters", f"{self.n_rows} / {self.n_parameters}"),
            (
                "stationarity",
                f"{_small(self.stationarity)} as fitted, "
                f"{_small(self.polished_stationarity)} as explained",
            ),
            (
                "moved by polishing",
                f"{_small(self.moved)} of the spread of raw predictions",
            ),
            (
                "distance to optimum",
                "not measured"
                if np.isnan(self.distance_to_optimum)
                else f"{_small(self.distance_to_optimum)} of what sampling does",
            ),
            (
                "curvature",
                f"{self.smallest_curvature:.3g} to {self.largest_curvature:.3g} "
                f"(condition {self.condition:.1e})"
                + ("" if self.is_hessian else f", of the matrix {self.curvature!r}")
                + (", of the smooth hinge that stands in" if self.stands_in else ""),
            ),
            ("null directions", null),
            ("effective parameters", f"{self.effective_dof:.1f}"),
            ("leverage over 0.5", rows),
            ("damping", f"{self.damping:g}"),
            ("solver", f"{self.solver}: {self.solver_reason}"),
            *([("last solution", self.solution)] if self.solution else []),
            ("method", self.method),
        ]
        advice = self.advice() or ["No problem was found."]
        return [Pairs(items), *("- " + sentence for sentence in advice)]

    def frame(self):
        """The report as a table of two columns, `item` and `value` (text), in the user's frame.

        Returns
        -------
        DataFrame
        """
        items = {k: v for k, v in vars(self).items() if not k.startswith("_")}
        for name in ("high_leverage", "high_leverage_names"):
            items[name] = getattr(self, name).tolist()
        values = [str(v) for v in items.values()]
        return make_frame({"item": list(items), "value": values}, self._backend)


def _small(number):
    """A number to two digits; below 1e-10 it is rounding."""
    return f"{number:.1e}" if number > 1e-10 else "below 1e-10"


def curvature_range(hessian, inverse):
    """Smallest and largest eigenvalue of H where it has curvature.

    The largest from H, the smallest as one over the largest of H^+: neither needs the other's
    precision. Iterative from fixed starting vectors, so deterministic.
    """
    p = hessian.shape[0]
    top = _largest_eigenvalue(hessian, p)
    bottom = (_largest_eigenvalue if inverse.factorized else _largest_by_blocks)(inverse, p)
    return (1.0 / bottom if bottom > 0 else 0.0), top


def _largest_by_blocks(inverse, p, width=16, n_power=2):
    """Largest eigenvalue by subspace iteration: few solutions, each of a whole block."""
    block = np.random.default_rng(0).standard_normal((p, min(width, p)))
    for _ in range(n_power):
        block, _ = np.linalg.qr(inverse.solve(block))
    small = block.T @ inverse.solve(block)
    return float(np.linalg.eigvalsh(0.5 * (small + small.T))[-1])


def estimated_dof(inverse, n_probes=16):
    """Sum of the leverages, rank - tr(H^+ P), from random signs (Hutchinson, 1990).

    The estimate of the second term has only the off-diagonal entries as its noise, and P is
    often most of H where a Hessian is too large to factorise.
    """
    if hasattr(inverse, "parts"):
        return sum(estimated_dof(part, n_probes) for part in inverse.parts)
    hessian = inverse.hessian
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (hessian.shape[0], n_probes))
    if hessian.penalty_term.matrix is not None:
        penalised = (signs * inverse.solve(hessian.penalty_term.product(signs))).sum(axis=0).mean()
        return inverse.report.rank - float(penalised)
    V = np.sqrt(hessian.penalty.ravel())[:, None] * signs
    penalised = (V * inverse.solve(V)).sum(axis=0).mean()
    return inverse.report.rank - float(penalised)


def describe_solution(report):
    """Accuracy of the last solution, in a few words."""
    parts = []
    if report.n_iter:
        parts.append(f"{report.n_iter} iterations")
    if np.isfinite(report.residual):
        parts.append(f"relative residual {report.residual:.1e}")
    if np.isfinite(report.standard_error):
        parts.append(f"relative standard error {report.standard_error:.1e}")
    if not report.converged:
        parts.append("NOT converged")
    return ", ".join(parts)


def _largest_eigenvalue(operator, p):
    if p <= 64:
        dense = operator @ np.eye(p)
        return float(np.linalg.eigvalsh(0.5 * (dense + dense.T))[-1])
    start = np.cos(np.arange(p, dtype=float))  # fixed, and orthogonal to nothing in particular
    try:
        return float(eigsh(operator, k=1, v0=start, tol=1e-6, return_eigenvectors=False)[0])
    except ArpackError:  # did not converge: two digits from power iteration will do for a report
        for _ in range(100):
            start = operator @ start
            size = np.linalg.norm(start)
            start /= size
        return float(size)


def null_directions(fitted_model, null_space):
    """Each direction of the data's null space as a combination of column names.

    The basis is brought to the form with one leading column a direction, which is short where the
    cause is one constant or duplicated column.
    """
    m = null_space.shape[1]
    if m == 0:
        return []
    names = fitted_model.parameter_names()
    _, _, pivots = qr(null_space.T, pivoting=True, mode="economic")
    basis = null_space @ np.linalg.inv(null_space[pivots[:m]])
    out = []
    for column in basis.T:
        used = np.flatnonzero(np.abs(column) > 1e-6)
        column = column * np.sign(column[used[0]])  # either sign is the same direction
        terms = [f"{column[j]:+.3g} {names[j]}" for j in used[:MOST_TERMS]]
        left = len(used) - MOST_TERMS
        more = f" and {left} more columns" if left > 0 else ""
        out.append(names[used[0]] if len(used) == 1 else " ".join(terms) + more)
    return out


class SingularHessianWarning(UserWarning):
    """Warning that the Hessian is singular and the pseudo-inverse is used."""


def warn_of_null_directions(fitted_model, report, *, exact=True):
    """Warn which columns or directions have no curvature in the data.

    `exact` is False where the matrix is a Fisher matrix and not the Hessian.
    """
    directions = null_directions(fitted_model, report.null_space)
    if not directions:
        return
    shown = "; ".join(directions[:5]) + (" ..." if len(directions) > 5 else "")
    if fitted_model.objective.cut is not None:
        warn_user(
            f"{report.reason} ({shown}). The model that it fitted is explained, and refits drop "
            "again. Scale the features (StandardScaler) if nothing is to be dropped.",
            SingularHessianWarning,
        )
        return
    name = "Hessian" if exact else "Fisher matrix"
    objective = fitted_model.objective
    least_norm = ""
    if objective.quadratic and not objective.penalty.any():
        least_norm = (
            " Newton steps, refits and replaced rows take the optimum of least norm, as "
            "scikit-learn does; to first order rows that come or go change nothing along these "
            "directions."
        )
    warn_user(
        f"The {name} is singular: {len(directions)} direction(s) of the coefficients have no "
        f"curvature ({shown}). The pseudo-inverse is used: along these directions coefficients "
        "are arbitrary and influences zero, for rows that do not vary along them nothing is lost. "
        f"Drop constant or duplicated columns, add a penalty, or set damping > 0.{least_norm}",
        SingularHessianWarning,
    )
