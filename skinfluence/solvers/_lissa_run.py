"""The loop of LiSSA: steps, averages over windows that double, and when to stop."""

import numpy as np

from skinfluence._utils.progress import progress
from skinfluence.solvers._lissa_steps import choose_steps

#: The first check of the estimate comes after about this many steps, the others at its doublings.
FIRST_CHECK = 50
#: Growth of a doubling's effect on the coefficients beyond which they are taken to grow for ever.
GROWTH = 1.3
#: Steps between two iterates that enter the average: neighbours are nearly equal.
THIN = 25


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
    V, drift = steps.start(b, repeats)
    # a recursion whose steps do not expand grows by the drift's size a step, at most
    metric = 1.0 / inverse.weights
    reach = np.sqrt((steps.step**2 * b**2 * metric).sum(axis=(1, 2)))  # shape: (m,)
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
            steps.advance(V, drift, inverse.sampler.draw(random_state, shape))
            total += V
            n_taken += 1
            if n_taken % 4 == 1 or start + thin >= last:
                _refuse_growth(steps.common(V), metric, reach[active] * (start + thin), inverse)
        runs = steps.common(total / n_taken)
        mean[active] = runs.mean(axis=0)
        moved = mean[active] - (0.0 if previous is None else previous)
        asked = np.concatenate([[mean[active], moved], runs - mean[active]])
        norms = inverse.probe.norm(asked.reshape(-1, *b.shape[1:]).transpose(1, 2, 0))
        length, move, *spread = norms.reshape(len(asked), -1)
        length = np.where(length > 0, length, 1.0)
        if repeats > 1:
            square = np.square(spread).sum(axis=0)
            error[active] = np.sqrt(square / (repeats * (repeats - 1))) / length
        if previous is not None:
            change[active] = move / length
        # along directions without curvature nothing but the coefficients themselves can tell
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
            V, drift = steps.take(V, going), steps.take(drift, going)
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
