"""Linearisation of an estimator that is made of members: one of each member, put together."""

import warnings
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property

import numpy as np
from scipy.linalg import block_diag
from scipy.sparse.linalg import LinearOperator

from skinfluence.effects import EFFECTS, ComposedChanges, RowEdits
from skinfluence.explainer._linearizations.kernel import KernelLinearization
from skinfluence.explainer._linearizations.linear import Linearization
from skinfluence.explainer._linearizations.network import NetworkLinearization, keep_network
from skinfluence.explainer._linearizations.polishing import keep, polish
from skinfluence.explainer._selection import warn_of_selection
from skinfluence.predictors._kernel import KernelPredictor
from skinfluence.solvers import InverseHessian, SolverReport


class ComposedLinearization(Linearization):
    """The linearisations of all members, which answer as one.

    Parameters
    ----------
    fitted_model : FittedModel
        Of the whole.
    parts : list of Linearization
        Of its members.
    """

    def __init__(self, fitted_model, parts):
        first = parts[0]
        self.fitted_model = fitted_model
        self.objective = fitted_model.objective
        self.parts = parts
        self.solver, self.damping = first.solver, first.damping
        self.n_jobs, self.verbose, self.curvature = first.n_jobs, first.verbose, first.curvature

    @property
    def inverse(self):
        return ComposedInverse([part.inverse for part in self.parts])

    @property
    def hessian_inverse(self):
        return ComposedInverse([part.hessian_inverse for part in self.parts])

    @cached_property
    def optimum(self):
        return self.objective.with_members([part.optimum for part in self.parts])

    def inverse_for(self, method, n_right_hand_sides):
        return ComposedInverse(
            [part.inverse_for(method, n_right_hand_sides) for part in self.parts]
        )

    def changes(self, method, edits, inverse=None, **settings):
        settings = {"n_jobs": self.n_jobs, "verbose": self.verbose, **settings}
        inverses = [None] * len(self.parts) if inverse is None else inverse.parts
        made = [
            part.changes(method, edits, own, **settings)
            for part, own in zip(self.parts, inverses, strict=True)
        ]
        reference = self.optimum if EFFECTS[method].converges else self.objective
        sizes = [objective.n_parameters for objective, _ in made]
        return reference, ComposedChanges([changes for _, changes in made], sizes)

    def warn_of_last(self, method, rows):
        super().warn_of_last(method, rows)
        for part in self.parts:
            warn_of_selection(part, method, rows)

    def own_changes(self, method, rows, tolerance=None):
        self.warn_of_last(method, rows)
        with warnings.catch_warnings():  # of the members, of which one is enough
            warnings.filterwarnings("ignore", r"Training row\(s\) .* the only one of their class")
            moved = self._moved(method, rows, tolerance)
        objective = self.optimum if EFFECTS[method].converges else self.objective
        predictor = objective.predictor.take(rows)
        return objective, predictor.own_changes(moved, linear=EFFECTS[method].linear)

    def _moved(self, method, rows, tolerance):
        """What removed rows change of each member, as its predictor takes it."""
        if self.objective.predictor.fitted_to_these:
            return [part.own_changes(method, rows, tolerance)[1] for part in self.parts]
        edits = RowEdits.removals(rows)
        return [part.changes(method, edits)[1].coef_changes() for part in self.parts]


class ComposedInverse(InverseHessian):
    """Block-diagonal inverse: one block a member.

    Parameters
    ----------
    parts : list of InverseHessian
    """

    def __init__(self, parts):
        self.parts = parts
        self.factorized = all(part.factorized for part in parts)
        hessian = _BlockHessian([part.hessian for part in parts])
        super().__init__(hessian, _joined([part.report for part in parts]))

    def solve(self, V):
        pairs = zip(self.parts, self.hessian.pieces(V), strict=True)
        return np.concatenate([part.solve(own) for part, own in pairs])

    @contextmanager
    def session(self, *, quiet=False):
        with ExitStack() as sessions:
            for part in self.parts:
                sessions.enter_context(part.session(quiet=quiet))
            yield

    def in_session(self, steps):
        for part in self.parts:
            steps = part.in_session(steps)
        return steps


class _BlockHessian(LinearOperator):
    """Block-diagonal Hessian, as an operator."""

    def __init__(self, parts):
        self.parts = parts
        self.exact = all(part.exact for part in parts)
        self.n_rows = parts[0].n_rows
        p = sum(part.shape[0] for part in parts)
        super().__init__(dtype=np.float64, shape=(p, p))

    def pieces(self, V):
        """Rows of V (p, m) of each member."""
        return np.split(V, np.cumsum([part.shape[0] for part in self.parts])[:-1])

    def _matmat(self, V):
        return np.concatenate(
            [part @ own for part, own in zip(self.parts, self.pieces(V), strict=True)]
        )

    def _adjoint(self):
        return self


def _joined(reports):
    """One SolverReport of all members."""
    solvers = list(dict.fromkeys(report.solver for report in reports))
    return SolverReport(
        solver=" and ".join(solvers),
        rank=sum(report.rank for report in reports),
        n_parameters=sum(report.n_parameters for report in reports),
        null_space=block_diag(*(report.null_space for report in reports)),
        reason=reports[0].reason,
        converged=all(report.converged for report in reports),
        n_iter=max(report.n_iter for report in reports),
        residual=_largest([report.residual for report in reports]),
        standard_error=_largest([report.standard_error for report in reports]),
    )


def _largest(numbers):
    known = [number for number in numbers if not np.isnan(number)]
    return max(known, default=float("nan"))


def distance_of(polished):
    """Distance to the optimum that polishing found, as a number."""
    return polished.distance() if callable(polished.distance) else polished.distance


def linearize(fitted_model, polished, **settings):
    """Linearization of a fitted model, of its members where it is made of some.

    Parameters
    ----------
    fitted_model : FittedModel
    polished : Polished
        Whose inverse may serve.
    **settings
        As for Linearization.
    """
    if not fitted_model.members:
        kind: type[Linearization] = Linearization
        if isinstance(fitted_model.objective.predictor, KernelPredictor):
            kind = KernelLinearization
        elif not fitted_model.objective.predictor.moves_to_optimum:
            kind = NetworkLinearization
        return kind(fitted_model, polished=polished.inverse, **settings)
    pairs = zip(fitted_model.members, polished.parts, strict=True)
    parts = [linearize(member, own, **settings) for member, own in pairs]
    return ComposedLinearization(fitted_model, parts)


def polish_all(fitted_model, estimator, *, move, damping=0.0, verbose=0):
    """:class:`Polished` of a fitted model, with those of its members as `parts`.

    Parameters
    ----------
    fitted_model : FittedModel
    estimator : estimator
        As the user gave it.
    move : bool
        Whether to move to the optimum.
    damping : float
        Of the explainer, for networks.
    verbose : int
    """
    if not fitted_model.members:
        if not fitted_model.objective.predictor.moves_to_optimum:
            return keep_network(fitted_model, estimator, damping)
        if move:
            return polish(fitted_model, estimator, verbose=verbose)
        return keep(fitted_model)
    parts = [
        polish_all(member, estimator, move=move, damping=damping, verbose=verbose)
        for member in fitted_model.members
    ]
    said = [part.warning for part in parts if part.warning]
    more = f" So it is for {len(said)} of {len(parts)} members." if len(parts) > 1 else ""
    return replace(
        parts[0],
        objective=fitted_model.objective.with_members([part.objective for part in parts]),
        stationarity=max(part.stationarity for part in parts),
        polished_stationarity=max(part.polished_stationarity for part in parts),
        moved=max(part.moved for part in parts),
        distance=max(distance_of(part) for part in parts),
        warning=said[0] + more if said else None,
        inverse=None,
        parts=tuple(parts),
    )
