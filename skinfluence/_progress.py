"""A progress bar with the time left, where somebody looks and it takes long enough."""

import sys
from contextlib import contextmanager
from threading import Lock

#: Seconds before a bar appears: what ends sooner needs none.
DELAY = 2.0


def progress(steps, *, total, what, unit, verbose, size=lambda step: 1):
    """Yield from `steps`, with a progress bar in terminals and notebooks if `verbose`.

    Parameters
    ----------
    steps : iterable
    total : int
        Of `unit` in all.
    what : str
        What is done, before the bar.
    unit : str
        What is counted.
    verbose : int
        0 is silent.
    size : callable
        How many of `unit` a step is.

    Yields
    ------
    The steps.
    """
    with progress_bar(total=total, what=what, unit=unit, verbose=verbose) as reach:
        done = 0
        for step in steps:
            yield step
            done += size(step)
            reach(0, done)


@contextmanager
def progress_bar(*, total, what, unit, verbose):
    """Context with a progress bar for work whose steps take long themselves.

    Parameters
    ----------
    total, what, unit, verbose
        As for :func:`progress`.

    Yields
    ------
    callable
        ``reach(step, done)`` says how many of `unit` a step has done by now, an estimate where it
        iterates; the bar shows the sum over steps. Any thread may call it.
    """
    if not verbose or not somebody_looks():
        yield _nobody_looks
        return
    from tqdm.auto import tqdm

    reached: dict = {}
    lock = Lock()

    def reach(step, done):
        with lock:
            reached[step] = max(done, reached.get(step, 0))
            bar.update(int(sum(reached.values())) - bar.n)

    # miniters=0: an update that finishes no whole unit still shows the time
    with tqdm(total=total, desc=what, unit=f" {unit}", delay=DELAY, leave=False, miniters=0) as bar:
        yield reach


def _nobody_looks(step, done):
    pass


def somebody_looks():
    """Whether there is a terminal or a notebook: a bar in a log file is noise."""
    if sys.stderr.isatty():
        return True
    shell = sys.modules.get("IPython")
    running = shell.get_ipython() if shell is not None else None
    return running is not None and "IPKernelApp" in running.config
