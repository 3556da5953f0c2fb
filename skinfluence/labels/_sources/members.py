"""The rows of a fit, and ridge regression on one representation as a member of the choice."""

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from skinfluence.labels._sources.columns import Linear, RadialBasis
from skinfluence.labels._sources.pooling import best_temperature, log_probabilities
from skinfluence.labels._sources.ridge_path import RidgePath, RidgeSums

BLOCK_ENTRIES = 2**20
#: Values of ridge regression lie between 0 and 1; the softmax makes them sharper.
TEMPERATURES = np.geomspace(1.0, 32.0, 9)


@dataclass
class Rows:
    """What every member of a fit is given.

    Attributes
    ----------
    scaled : ndarray or CSR of shape (n, p)
        The rows with scaled columns.
    targets : ndarray of shape (n, K)
        One-hot labels, or the values of a regression (K = 1).
    codes : ndarray of shape (n,) or None
        Given labels; None in a regression.
    share : ndarray of shape (n,)
        Weights that sum to one.
    for_choice : ndarray of int
        The rows on which dampings, temperatures and members are compared.
    """

    scaled: np.ndarray
    targets: np.ndarray
    codes: np.ndarray | None
    share: np.ndarray
    for_choice: np.ndarray = field(repr=False)

    def criterion(self, values, temperatures):
        """How well alternatives say the targets of the rows for choice; higher is better.

        Parameters
        ----------
        values : ndarray of shape (L, rows, K)
            What L alternatives say of these rows without them.
        temperatures : sequence of float
            Those that a classification tries.

        Returns
        -------
        criterion : ndarray of shape (L,)
            Noise-aware log-likelihood in nats a row; in a regression half the log of the mean
            squared error, negative, which is that of normal errors up to a constant.
        temperature : ndarray of shape (L,)
        """
        share = self.share[self.for_choice]
        if self.codes is not None:
            return best_temperature(values, self.codes[self.for_choice], share, temperatures)
        errors = (values - self.targets[self.for_choice])[:, :, 0] ** 2 @ share / share.sum()
        return -0.5 * np.log(errors + np.finfo(float).tiny), np.ones(len(errors))


def blocks(n, width):
    """Slices of rows, such that a block of them has about a million entries."""
    step = max(1, BLOCK_ENTRIES // max(width, 1))
    return [slice(start, min(start + step, n)) for start in range(0, n, step)]


@dataclass
class RidgeMember:
    """One fitted representation with its chosen damping.

    Attributes
    ----------
    representation : Linear or RadialBasis
    path : RidgePath
    damping : float
        In units of ``path.unit``.
    temperature : float
    criterion : float
        Of `Rows.criterion`.
    classes : bool
        Whether values become log-probabilities.
    """

    representation: Linear | RadialBasis
    path: RidgePath = field(repr=False)
    damping: float
    temperature: float
    criterion: float
    classes: bool

    @property
    def name(self):
        """For the sentence that describes the opinion."""
        return f"ridge regression on {self.representation.name} (damping {self.damping:.1e})"

    def leave_one_out(self, rows):
        """Opinion of each row without it, and its leverage."""
        parts = [
            self.path.leave_one_out(
                self.representation.columns(rows.scaled[block]),
                rows.targets[block],
                rows.share[block],
                [self.damping],
            )
            for block in blocks(rows.scaled.shape[0], self.representation.width_of_columns)
        ]
        values = np.concatenate([values[0] for values, _ in parts])
        return self._opinion(values), np.concatenate([leverage[0] for _, leverage in parts])

    def predict(self, scaled):
        """Opinion of rows that the fit has not seen."""
        parts = [
            self.path.predict(self.representation.columns(scaled[block]), [self.damping])[0]
            for block in blocks(scaled.shape[0], self.representation.width_of_columns)
        ]
        return self._opinion(np.concatenate(parts))

    def _opinion(self, values):
        if not self.classes:
            return values[:, 0]
        return log_probabilities(self.temperature * values)


def fit_ridge(representation, rows, dampings):
    """Fit one representation and choose its damping; a RidgeMember."""
    sums = RidgeSums()
    for block in blocks(rows.scaled.shape[0], representation.width_of_columns):
        columns = representation.columns(rows.scaled[block])
        sums.add(columns, rows.targets[block], rows.share[block])
    path = sums.path(representation.whitening)
    chosen = rows.for_choice
    columns = representation.columns(rows.scaled[chosen])
    values, _ = path.leave_one_out(columns, rows.targets[chosen], rows.share[chosen], dampings)
    criterion, temperature = rows.criterion(values, TEMPERATURES)
    best = int(criterion.argmax())
    return RidgeMember(
        representation=representation,
        path=path,
        damping=float(dampings[best]),
        temperature=float(temperature[best]),
        criterion=float(criterion[best]),
        classes=rows.codes is not None,
    )


def as_rows(X):
    """CSR where sparse, so that rows can be taken."""
    return sparse.csr_matrix(X) if sparse.issparse(X) else X
