"""Loop of LiSSA: steps (numpy or compiled), averages over windows that double, stopping."""

import numpy as np

from skinfluence._utils.progress import progress

#: The first check of the estimate comes after about this many steps, the others at its doublings.
FIRST_CHECK = 50
#: Growth of a doubling's effect on the coefficients beyond which they are taken to grow for ever.
GROWTH = 1.3
#: Steps between two iterates that enter the average: neighbours are nearly equal.
THIN = 25

#: Numbers updated beyond which a compiled kernel pays, whose compilation takes some seconds.
KERNEL_WORK = 3e8
#: Bytes of drawn rows that numpy's steps make dense at a time.
BLOCK_BYTES = 2**25


class DivergenceError(ArithmeticError):
    """A recursion grows without bound: its scale is too small for the curvature."""


def run_until_stable(inverse, b):
    """Run all repeats on right-hand sides b, each until it is stable or the depth is reached.

    Parameters
    ----------
    inverse : LissaInverse
    b : ndarray of shape (m, K, q)

    Returns
    -------
    mean : ndarray of shape (m, K, q)
        Over repeats and over the last window of steps.
    error, change : ndarrays of shape (m,)
        Standard error over repeats, and change since the window before, relative to the mean, in
        the norm sqrt(v' H v); for coefficients that keep growing, the change of their own norm.
    depth : int
        Steps that were made.

    Raises
    ------
    DivergenceError
    """
    settings, hessian = inverse.settings, inverse.inner
    repeats, size = settings.repeats, inverse.batch_size
    random_state = np.random.RandomState(inverse.seed)
    work = float(settings.depth) * repeats * size * b.size
    steps = choose_steps(hessian, work)(
        hessian, inverse.sampler.row_scale / size, inverse.weights, inverse.scale
    )
    V, bias = steps.start(b, repeats)
    # a recursion whose steps do not expand grows by the bias's size a step, at most
    metric = 1.0 / inverse.weights
    bound = np.sqrt((steps.step**2 * b**2 * metric).sum(axis=(1, 2)))  # shape: (m,)
    mean = np.zeros_like(b)
    error, change = np.full(len(b), np.nan), np.full(len(b), np.inf)
    previous, last_step_size = None, np.full(len(b), np.inf)
    active = np.arange(len(b))
    thin = _thinning(hessian, settings.depth, size)
    for first, last in _windows(settings.depth):
        total, n_taken = np.zeros_like(V), 0
        starts = progress(
            range(first, last, thin),
            total=last - first,
            what=f"LiSSA to depth {last} of at most {settings.depth}",
            unit="steps",
            verbose=settings.verbose,
            size=lambda start: thin,
        )
        for start in starts:
            shape = (min(thin, last - start), repeats, size)
            steps.advance(V, bias, inverse.sampler.draw(random_state, shape))
            total += V
            n_taken += 1
            if n_taken % 4 == 1 or start + thin >= last:
                _refuse_growth(steps.common(V), metric, bound[active] * (start + thin), inverse)
        runs = steps.common(total / n_taken)
        mean[active] = runs.mean(axis=0)
        moved = mean[active] - (0.0 if previous is None else previous)
        measured = np.concatenate([[mean[active], moved], runs - mean[active]])
        norms = inverse.probe.norm(measured.reshape(-1, *b.shape[1:]).transpose(1, 2, 0))
        length, move, *spread = norms.reshape(len(measured), -1)
        length = np.where(length > 0, length, 1.0)
        if repeats > 1:
            square = np.square(spread).sum(axis=0)
            error[active] = np.sqrt(square / (repeats * (repeats - 1))) / length
        if previous is not None:
            change[active] = move / length
        # along directions without curvature only the coefficients themselves show it
        step_size = np.sqrt((moved**2 * metric).sum(axis=(1, 2)))
        if previous is not None:
            whole = np.sqrt((mean[active] ** 2 * metric).sum(axis=(1, 2)))
            # squares of tiny coefficients may vanish: a step of no size has not grown either
            relative = step_size / np.where(whole > 0, whole, 1.0)
            grows = step_size > GROWTH * last_step_size
            change[active] = np.where(grows, np.fmax(change[active], relative), change[active])
        last_step_size = step_size
        going = ~(np.fmax(error[active], change[active]) <= settings.tol)
        if not going.any():
            break
        if not going.all():
            V, bias = steps.take(V, going), steps.take(bias, going)
            active, last_step_size = active[going], step_size[going]
        previous = mean[active].copy()
    return mean, error, change, last


def _windows(depth):
    """(first, last) steps between the checks: each window doubles the depth, up to `depth`."""
    ends = [depth]
    while ends[-1] // 2 >= FIRST_CHECK:
        ends.append(ends[-1] // 2)
    ends.append(0)
    return list(zip(ends[:0:-1], ends[-2::-1], strict=True))


def _thinning(hessian, depth, size):
    """Steps between two iterates that are averaged."""
    design = hessian.design
    if not design.is_sparse:
        return THIN
    # an average needs every column, the steps between only those of their rows
    entries = max(1.0, design.X.nnz / design.shape[0])
    return int(max(THIN, min(depth // 100, design.shape[1] / (entries * size))))


def _refuse_growth(V, metric, limit, inverse):
    size = np.sqrt((V**2 * metric).sum(axis=(2, 3)))
    if not (size <= 10.0 * limit).all():
        raise DivergenceError(
            f"LiSSA diverges with scale={inverse.scale:.3g} and batch_size={inverse.batch_size}: "
            'the iterates grow. Use a larger scale, or scale="auto".'
        )


def choose_steps(hessian, work):
    """The class of steps for a Hessian and a number of updates (see :data:`KERNEL_WORK`)."""
    if work < KERNEL_WORK or hessian.curvature.full:
        return NumpySteps
    if not hessian.design.is_sparse:
        return DenseSteps
    return NumpySteps if hessian.design.center is not None else CsrSteps


class NumpySteps:
    """All repeats at once in matrix products; any curvature, any design.

    Parameters
    ----------
    hessian : Hessian
    row_scale : ndarray of shape (n,)
        Factor of a drawn row's curvature.
    weights : ndarray of shape (K, q) or (1, q)
        The preconditioner.
    scale : float
    """

    def __init__(self, hessian, row_scale, weights, scale):
        self.hessian = hessian
        self.row_scale = row_scale
        self.step = weights / scale
        penalty = hessian.penalty
        alike = bool((penalty == penalty[:1]).all())
        self.decay = (penalty[:1] if alike else penalty) * self.step  # shape: (1 or K, q)

    def start(self, b, n_repeats):
        """(V = 0, bias) for right-hand sides b of shape (m, K, q)."""
        bias = b * self.step
        return np.zeros((n_repeats, *bias.shape)), bias

    def take(self, V, columns):
        """State of some of the right-hand sides."""
        return np.ascontiguousarray(V[..., columns, :, :])

    def common(self, V):
        return V

    def advance(self, V, bias, rows):
        """len(rows) steps; rows has shape (n_steps, n_repeats, batch_size)."""
        n_repeats, m, K, q = V.shape
        size = max(1, BLOCK_BYTES // (8 * q * rows[0].size))
        for start in range(0, len(rows), size):
            some = rows[start : start + size]
            Z_all = self.hessian.design.take(some.ravel()).to_dense().reshape(*some.shape, q)
            for Z, drawn in zip(Z_all, some, strict=True):
                flat = V.reshape(n_repeats, m * K, q)
                raw = Z @ flat.transpose(0, 2, 1)  # shape: (n_repeats, batch, m K)
                raw = raw.reshape(-1, m, K).transpose(0, 2, 1)
                bent = self.hessian.curvature_of(drawn.ravel()).apply(raw)
                bent = bent * self.row_scale[drawn.ravel(), None, None]
                bent = bent.transpose(0, 2, 1).reshape(n_repeats, -1, m * K)
                move = (bent.transpose(0, 2, 1) @ Z).reshape(V.shape)
                V -= V * self.decay
                V += bias - self.step * move


class DenseSteps(NumpySteps):
    """The compiled loop over dense rows."""

    def _curvature(self):
        """The curvature of all rows for the compiled loops, and the scale of each."""
        curvature, K = self.hessian.curvature, self.hessian.n_outputs
        factor = np.empty((0, K)) if curvature.factor is None else curvature.factor
        return curvature.values, factor, self.row_scale

    def advance(self, V, bias, rows):
        from skinfluence.kernels import _lissa_loops

        design = self.hessian.design
        center = np.zeros(design.n_features) if design.center is None else design.center
        settings = self.decay, self.step, bias
        _lissa_loops.dense(design.X, center, *self._curvature(), rows, *settings, V)


class CsrSteps(DenseSteps):
    """The compiled loop over sparse rows, which touches only their columns."""

    def __init__(self, hessian, row_scale, weights, scale):
        super().__init__(hessian, row_scale, weights, scale)
        self._shrink = np.ascontiguousarray(self.decay.T)
        self._step_size = np.ascontiguousarray(self.step.T)

    def start(self, b, n_repeats):
        bias = np.ascontiguousarray((b * self.step).transpose(2, 0, 1))  # shape: (q, m, K)
        return np.zeros((n_repeats, *bias.shape)), bias

    def take(self, V, columns):
        return np.ascontiguousarray(V[..., columns, :])

    def common(self, V):
        return V.transpose(0, 2, 3, 1)

    def advance(self, V, bias, rows):
        from skinfluence.kernels import _lissa_loops

        design = self.hessian.design
        entries = design.X.data, design.X.indices, design.X.indptr, bool(design.intercept)
        settings = self._shrink, self._step_size, bias
        _lissa_loops.csr(*entries, *self._curvature(), rows, *settings, V)
