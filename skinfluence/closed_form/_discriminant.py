"""Linear and quadratic discriminant analysis: downdates of covariances by the removed row."""

from dataclasses import dataclass

import numpy as np
import sklearn
from sklearn.utils.fixes import parse_version

from skinfluence.closed_form._base import as_dense
from skinfluence.closed_form._sums import ClassMeans

#: Since scikit-learn 1.9 the "svd" solvers divide scatter by the number of rows, before by less.
DIVIDES_BY_ROWS = parse_version(parse_version(sklearn.__version__).base_version) >= parse_version(
    "1.9"
)
#: Eigenvalues of a covariance below this share of the largest are rounding.
RANK = 1e-10


class DiscriminantModel(ClassMeans):
    """What both share: class means, the scatter of each class, and prior probabilities."""

    def __init__(self, estimator, X, y, sample_weight):
        super().__init__(estimator, X, y, sample_weight)
        self.priors = None if estimator.priors is None else np.asarray(estimator.priors_)
        rows = [self.X[self.codes == c] - mean for c, mean in enumerate(self.means)]
        self.scatter = np.stack([part.T @ part for part in rows])

    def gamma(self, c):
        """Share of a row's own square that leaves the scatter of its class with it."""
        return self.n_of_class[c] / (self.n_of_class[c] - 1.0)


@dataclass(frozen=True)
class PooledCovariance:
    """How the covariance of linear discriminant analysis depends on one row of class c.

    Without the row it is ``base - drop * u u'``, with u the row less its class mean, before it is
    shrunk; its derivative is ``rate * (own - u u')``.

    Attributes
    ----------
    base, own : ndarray of shape (p, p)
    drop, rate : float
    values, vectors : ndarrays
        Eigenvalues and eigenvectors of `base`.
    """

    base: np.ndarray
    drop: float
    own: np.ndarray
    rate: float
    values: np.ndarray
    vectors: np.ndarray


class LinearDiscriminant(DiscriminantModel):
    """LinearDiscriminantAnalysis: score of class k is linear in x, with one covariance for all.

    With ``a_k = m_k - b`` the class mean (b the overall mean for the "svd" solver, otherwise 0) and
    C the covariance, shrunk towards the mean of its diagonal, score k is
    ``(x - b)' C^-1 a_k - a_k' C^-1 a_k / 2 + log p_k``.

    With ``shrinkage="auto"``, a ``covariance_estimator``, or a singular covariance removals are
    refits of the estimator itself.
    """

    def __init__(self, estimator, X, y, sample_weight):
        super().__init__(estimator, X, y, sample_weight)
        self.svd = estimator.solver == "svd"
        shrinkage = estimator.shrinkage
        self.shrinkage = 0.0 if shrinkage is None else shrinkage
        special = isinstance(shrinkage, str) or estimator.covariance_estimator is not None
        if special or not self._is_regular():
            self.only_refits()
            return
        self.origin = self._origin()
        self.pooled = [self._pooled(c) for c in range(self.n_classes)]
        self.inverse = np.linalg.inv(self._shrunk(self._covariance()))
        self.slopes = (self.means - self.origin) @ self.inverse

    def _origin(self):
        if not self.svd:
            return np.zeros(self.X.shape[1])
        shares = self.n_of_class / self.n_rows if self.priors is None else self.priors
        return shares @ self.means

    @property
    def _by_priors(self):
        """Whether the classes' covariances are weighted by given prior probabilities."""
        return self.priors is not None and not self.svd

    @property
    def _divisor(self):
        old = self.svd and not DIVIDES_BY_ROWS
        return self.n_rows - self.n_classes if old else self.n_rows

    def _covariance(self):
        if self._by_priors:
            return np.tensordot(self.priors / self.n_of_class, self.scatter, 1)
        return self.scatter.sum(axis=0) / self._divisor

    def _shrunk(self, covariance):
        p, s = len(covariance), self.shrinkage
        return (1.0 - s) * covariance + s * np.trace(covariance) / p * np.eye(p)

    def _is_regular(self):
        values = np.linalg.eigvalsh(self._shrunk(self._covariance()))
        least = RANK * values[-1]
        if self.svd:  # which drops directions of the standardised rows below its `tol`
            scale = np.sqrt(np.diag(self._covariance()))
            if not scale.all():
                return False
            values = np.linalg.eigvalsh(self._covariance() / np.outer(scale, scale))
            least = max(RANK, 4.0 * self.estimator.tol**2)
        return bool(values[0] > least)

    def _pooled(self, c):
        n_c = self.n_of_class[c]
        if self._by_priors:
            own, rate = self.scatter[c] / n_c, self.priors[c] / n_c
            left = self.priors[c] / max(n_c - 1, 1)
            base = self._covariance() - rate * self.scatter[c] + left * self.scatter[c]
        else:
            own, rate = self._covariance(), 1.0 / self._divisor
            left = 1.0 / (self._divisor - 1)
            base = self.scatter.sum(axis=0) * left
        drop = left * n_c / max(n_c - 1, 1)
        return PooledCovariance(base, drop, own, rate, *np.linalg.eigh(base))

    def own_scores(self, X):
        if self.by_refits:
            return None
        half = 0.5 * ((self.means - self.origin) * self.slopes).sum(axis=1)
        return (as_dense(X) - self.origin) @ self.slopes.T - half

    def shared_features(self, X):
        return as_dense(X) - self.origin

    def features(self, X):
        return [self.shared_features(X)] * self.n_classes

    def terms(self, c, rows, linear):
        u = self.X[rows] - self.means[c]
        coef, const = (self._derivative if linear else self._difference)(c, rows, u)
        if self.n_outputs == 1:  # only the difference of both scores counts
            yield 1, coef[:, 1] - coef[:, 0], const[:, 1] - const[:, 0]
            return
        for k in range(self.n_classes):
            yield k, coef[:, k], const[:, k]

    def _difference(self, c, rows, u):
        """Change of the coefficients (m, K, p) and numbers (m, K) of all scores."""
        pooled, s, p = self.pooled[c], self.shrinkage, u.shape[1]
        means = np.repeat(self.means[None], len(rows), axis=0)
        means[:, c] -= u / (self.n_of_class[c] - 1.0)
        moved = np.zeros_like(u)
        if self.svd:
            shares = self.priors
            if shares is None:
                shares = (self.n_of_class - (np.arange(self.n_classes) == c)) / (self.n_rows - 1.0)
            moved = np.einsum("k,mkp->mp", shares, means) - self.origin
        a = means - self.origin - moved[:, None]
        # in the eigenvectors of the base the shrunk covariance is diagonal less a rank of one
        level = (np.trace(pooled.base) - pooled.drop * (u**2).sum(axis=1)) / p
        diagonal = (1.0 - s) * pooled.values + s * level[:, None]
        v, drop = u @ pooled.vectors, (1.0 - s) * pooled.drop
        solved = v / diagonal
        gap = 1.0 - drop * (v * solved).sum(axis=1)
        coef = a @ pooled.vectors
        along = np.einsum("mp,mkp->mk", solved, coef) * (drop / gap)[:, None]
        coef = coef / diagonal[:, None] + along[:, :, None] * solved[:, None]
        coef = coef @ pooled.vectors.T
        const = -np.einsum("mp,mkp->mk", moved, coef) - 0.5 * (a * coef).sum(axis=2)
        before = -0.5 * ((self.means - self.origin) * self.slopes).sum(axis=1)
        return coef - self.slopes, const - before

    def _derivative(self, c, rows, u):
        """The same to first order in the weight of the row."""
        pooled, s, P = self.pooled[c], self.shrinkage, self.inverse
        moved = np.zeros_like(u)
        if self.svd and self.priors is None:
            moved = -(self.X[rows] - self.origin) / self.n_rows
        elif self.svd:
            moved = -self.priors[c] * u / self.n_of_class[c]
        level = pooled.rate * (np.trace(pooled.own) - (u**2).sum(axis=1)) / u.shape[1]
        rate, u_solved, moved_solved = (1.0 - s) * pooled.rate, u @ P, moved @ P
        coef = np.empty((len(rows), self.n_classes, u.shape[1]))
        const = np.empty(coef.shape[:2])
        for k, slope in enumerate(self.slopes):
            along, own = u @ slope, coef[:, k]
            own[:] = (rate * along)[:, None] * u_solved - rate * (slope @ pooled.own @ P)
            own -= moved_solved
            if s:
                own -= s * level[:, None] * (slope @ P)
            moved_along = moved @ slope
            if k == c:
                own -= u_solved / self.n_of_class[c]
                moved_along -= along / self.n_of_class[c]
            const[:, k] = -0.5 * (moved_along + own @ (self.means[k] - self.origin))
        return coef, const


class QuadraticDiscriminant(DiscriminantModel):
    """QuadraticDiscriminantAnalysis: a covariance for each class.

    Score k is ``log p_k - (log det C_k + (x - m_k)' C_k^-1 (x - m_k)) / 2``; without a row of
    class k the covariance loses a matrix of rank one, and the mean moves along it. With
    ``shrinkage`` or a ``covariance_estimator`` removals are refits of the estimator itself.
    """

    def __init__(self, estimator, X, y, sample_weight):
        super().__init__(estimator, X, y, sample_weight)
        svd = getattr(estimator, "solver", "svd") == "svd"
        self.reg = float(estimator.reg_param) if svd else 0.0
        self.less = 1 if svd and not DIVIDES_BY_ROWS else 0
        shrunk = getattr(estimator, "shrinkage", None) is not None
        if shrunk or getattr(estimator, "covariance_estimator", None) is not None:
            self.only_refits()
            return
        pairs = [np.linalg.eigh(scatter) for scatter in self.scatter]
        self.values = np.stack([values for values, _ in pairs])
        self.vectors = np.stack([vectors for _, vectors in pairs])

    def features(self, X):
        X = as_dense(X)
        return [(X - self.means[c]) @ self.vectors[c] for c in range(self.n_classes)]

    def terms(self, c, rows, linear):
        raise TypeError("Its changes are no products of features: see `changes_of_scores`.")

    def _variances(self, c, n):
        """Eigenvalues of the covariance of class c, whose scatter is divided by n."""
        return (1.0 - self.reg) * self.values[c] / n + self.reg

    def last_of_class(self):
        """Also rows without which the covariance of a class is singular."""
        out = super().last_of_class()
        if self.by_refits:
            return out
        for c in range(self.n_classes):
            rows = np.flatnonzero(self.codes == c)
            n, p = len(rows) - 1 - self.less, self.X.shape[1]
            if len(rows) <= 2:
                out[rows] = True
                continue
            variances, v, drop = self._downdate(c, rows)
            gap = 1.0 - drop * (v**2).sum(axis=1)
            # the smallest eigenvalue without the row is at least this; exactly where it is close
            doubtful = rows[~(variances.min() * gap > self.estimator.tol)]
            for i in doubtful:
                u = self.X[i] - self.means[c]
                left = (self.scatter[c] - self.gamma(c) * np.outer(u, u)) / n
                least = np.linalg.eigvalsh((1.0 - self.reg) * left + self.reg * np.eye(p))[0]
                out[i] |= not least > self.estimator.tol
        return out

    def _downdate(self, c, rows):
        """(variances without a row, rows in their units (m, p), factor of their squares)."""
        n = self.n_of_class[c] - 1 - self.less
        variances = self._variances(c, n)
        v = (self.X[rows] - self.means[c]) @ self.vectors[c] / np.sqrt(variances)
        return variances, v, (1.0 - self.reg) * self.gamma(c) / n

    def changes_of_scores(self, features, c, rows, linear):
        yield c, (self._derivative if linear else self._difference)(c, rows, features[c])

    def _difference(self, c, rows, q):
        variances, v, drop = self._downdate(c, rows)
        before = self._variances(c, self.n_of_class[c] - self.less)
        step = 1.0 / (self.n_of_class[c] - 1.0)
        squares = (v**2).sum(axis=1)
        along = (q / np.sqrt(variances)) @ v.T  # shape: (n_test, m)
        scaled = (q**2) @ (1.0 / variances - 1.0 / before)
        moved = 2.0 * step * along + step**2 * squares
        downdated = drop * (along + step * squares) ** 2 / (1.0 - drop * squares)
        determinant = np.log(variances / before).sum() + np.log1p(-drop * squares)
        return -0.5 * (scaled[:, None] + moved + downdated + determinant)

    def _derivative(self, c, rows, q):
        n = self.n_of_class[c] - self.less
        variances, own = self._variances(c, n), self.values[c] / n
        rate = (1.0 - self.reg) / n
        v = (self.X[rows] - self.means[c]) @ self.vectors[c] / np.sqrt(variances)
        along = (q / np.sqrt(variances)) @ v.T
        scaled = (q**2) @ (own / variances**2)
        moved = 2.0 * along / self.n_of_class[c]
        determinant = rate * ((own / variances).sum() - (v**2).sum(axis=1))
        return -0.5 * (moved + rate * (along**2 - scaled[:, None]) + determinant)
