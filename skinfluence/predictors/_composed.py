"""ComposedPredictor: one number a row, or several, made of the raw predictions of members."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from skinfluence.linalg import row_blocks, written
from skinfluence.predictors._base import Predictor


class Combination(ABC):
    """What an estimator makes of the raw predictions of its members, row by row.

    Shapes: `raws` holds the raw predictions (..., K_m) of each member; leading axes are free.
    """

    @abstractmethod
    def value(self, raws):
        """Raw predictions of the whole, (..., K)."""

    @abstractmethod
    def derivative(self, raws):
        """Derivative in the raw predictions of each member: a list of arrays (..., K, K_m)."""

    def change(self, raws, moved):
        """Change of the value when the raw predictions move by `moved`: (..., K)."""
        after = [raw + step for raw, step in zip(raws, moved, strict=True)]
        return self.value(after) - self.value(raws)


class ComposedPredictor(Predictor):
    """Raw predictions of an estimator that is made of members with parameters of their own.

    The parameters are those of the members, one after the other.

    Parameters
    ----------
    parts : list of Predictor
        Of the members, for the same n rows.
    combination : Combination
    members : list
        ``member.predictor(X)`` gives the predictor of a member for other rows.
    """

    #: whether the training rows are rows that the members were fitted to, feature for feature
    fitted_to_these = True

    def __init__(self, parts, combination, members):
        self.parts = parts
        self.combination = combination
        self.members = members
        self.coef = np.concatenate([np.ravel(part.coef) for part in parts])

    @property
    def n_rows(self):
        return self.parts[0].n_rows

    @property
    def dtype(self):
        """Of answers that are as large as a table."""
        return np.result_type(*(part.dtype for part in self.parts))

    def split(self, parameters):
        """Those of each member, for parameters (..., p) with any leading axes."""
        ends = np.cumsum([part.n_parameters for part in self.parts])[:-1]
        return np.split(parameters, ends, axis=-1)

    def _with_parts(self, make):
        return self._replace(parts=[make(part) for part in self.parts])

    def take(self, rows):
        return self._with_parts(lambda part: part.take(rows))

    def of(self, X):
        other = [member.predictor(X) for member in self.members]
        return self._replace(parts=other).with_coef(self.coef)

    def followed_by(self, other):
        pairs = zip(self.parts, other.parts, strict=True)
        return self._replace(parts=[mine.followed_by(more) for mine, more in pairs])

    def with_coef(self, coef):
        pairs = zip(self.parts, self.split(coef), strict=True)
        parts = [part.with_coef(own.reshape(part.coef.shape)) for part, own in pairs]
        return self._replace(parts=parts, coef=coef)

    def raws(self):
        """Raw predictions of each member, (n, K_m)."""
        return [part.raw() for part in self.parts]

    def raw(self):
        return self.combination.value(self.raws())

    def derivative(self):
        """Derivative of the raw predictions in those of each member, (n, K, K_m)."""
        return self.combination.derivative(self.raws())

    def row_jacobian(self):
        pairs = zip(self.derivative(), self.parts, strict=True)
        return np.concatenate([d @ part.row_jacobian() for d, part in pairs], axis=-1)

    def jvp(self, V):
        parts = zip(self.derivative(), self.parts, self.split(V.T), strict=True)
        return sum(np.einsum("nkj,njm->nkm", d, part.jvp(own.T)) for d, part, own in parts)

    def vjp(self, U):
        pairs = zip(self.derivative(), self.parts, strict=True)
        return np.concatenate([part.vjp(np.einsum("nkj,nkm->njm", d, U)) for d, part in pairs])

    def row_vjp(self, U):
        pairs = zip(self.derivative(), self.parts, strict=True)
        return np.concatenate([part.row_vjp(np.einsum("nkj,nk->nj", d, U)) for d, part in pairs])

    def raw_at(self, coefs):
        pairs = zip(self.parts, self.split(coefs), strict=True)
        return self.combination.value(
            [part.raw_at(own.reshape(-1, *part.coef.shape)) for part, own in pairs]
        )

    def contracted(self, reads, slopes=None):
        """Changes of the raw predictions of these rows, from those of the members.

        Parameters
        ----------
        reads : callable
            ``reads(part, slopes)`` gives a member's function of a slice of changes, as
            :meth:`~skinfluence.effects.Changes.contract` does; one member after the other.
        slopes : ndarray of shape (n, K), default=None
            Contracts the K raw predictions: the changes are then linear in those of the members.

        Returns
        -------
        callable
            As `contract` returns it.
        """
        if slopes is not None:
            return self._read_linearly(reads, slopes)
        read = self._read_exactly(reads)

        def contracted(some, out: Any = None):
            return written(read(some), out)

        return contracted

    def _read_linearly(self, reads, slopes):
        pulled = [np.einsum("nk,nkj->nj", slopes, d) for d in self.derivative()]
        pairs = enumerate(zip(self.parts, pulled, strict=True))
        first, *others = [reads(m, part, own) for m, (part, own) in pairs]

        def contracted(some, out: Any = None):
            n_some = some.stop - some.start
            out = np.empty((len(slopes), n_some), self.dtype) if out is None else out
            # a few at a time, so that what is added stays in the cache
            for part in row_blocks(n_some, 8 * len(slopes), cache_mib=2.0):
                own = slice(some.start + part.start, some.start + part.stop)
                first(own, out[:, part])
                for read in others:
                    out[:, part] += read(own)
            return out

        return contracted

    def _read_exactly(self, reads):
        made = [reads(m, part, None) for m, part in enumerate(self.parts)]
        raws = [raw[:, None] for raw in self.raws()]
        return lambda some: self.combination.change(raws, [read(some) for read in made])

    def own_changes(self, moved, *, linear):
        """Change of each removed row's own raw predictions, (n, K).

        Parameters
        ----------
        moved : list of ndarray
            Of each member: change of the raw predictions of its rows, (n, K_m), or of its
            parameters where it is not :attr:`fitted_to_these`.
        linear : bool
            Whether to first order.
        """
        return self.pushed(moved) if linear else self.combination.change(self.raws(), moved)

    def pushed(self, moved):
        """Change of the raw predictions (n, K), to first order in the members' (n, K_m)."""
        pairs = zip(self.derivative(), moved, strict=True)
        return sum(np.einsum("nkj,nj->nk", d, own) for d, own in pairs)

    def tables(self, X):
        """What each member is given of the rows of a table."""
        return [X] * len(self.parts)

    def estimator_layout(self, coef):
        pairs = zip(self.parts, self.split(coef), strict=True)
        laid = [
            part.estimator_layout(own.reshape(*own.shape[:-1], *part.coef.shape))
            for part, own in pairs
        ]
        return np.concatenate(laid, axis=-1)
