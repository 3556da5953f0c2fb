"""How far something is that takes long: a bar in terminals and notebooks, lines in a log."""

import sys
from contextlib import contextmanager
from threading import Lock
from time import perf_counter

#: Seconds before a bar or a line appears: what ends sooner needs none.
DELAY = 2.0


def progress(steps, *, total, what, unit, verbose, size=lambda step: 1):
    """Yield from `steps`, and show how far they are where that takes more than two seconds.

    Parameters
    ----------
    steps : iterable
    total : int
        Of `unit` in all.
    what : str
        What is done, before the bar.
    unit : str
        What is counted.
    verbose : int or None
        None shows a bar in terminals and notebooks, 0 is silent, and 1 shows the bar or, where
        there is neither, prints lines with the expected time.
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
    """Context of work whose steps take long themselves.

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
    if verbose is not None and not verbose:
        yield _nobody_looks
    elif not somebody_looks():
        yield _Lines(what, unit, total) if verbose else _nobody_looks
    else:
        from tqdm.auto import tqdm

        # miniters=0: an update that finishes no whole unit still shows the time
        settings = {"unit": f" {unit}", "delay": DELAY, "leave": False, "miniters": 0}
        with tqdm(total=total, desc=what, **settings) as bar:
            reached = _Reached()
            yield lambda step, done: reached.add(step, done, lambda all: bar.update(all - bar.n))


def _nobody_looks(step, done):
    pass


class _Reached:
    """How much all steps have done by now; an estimate that falls back is not believed."""

    def __init__(self):
        self._done: dict = {}
        self._lock = Lock()

    def add(self, step, done, show):
        """Call `show` with the whole units that are done, one thread at a time."""
        with self._lock:
            self._done[step] = max(done, self._done.get(step, 0))
            show(int(sum(self._done.values())))


class _Lines:
    """Lines for a log: how much is done and the time that is left, after 2, 4, 8, ... seconds."""

    def __init__(self, what, unit, total):
        self._what, self._unit, self._total = what, unit, total
        self._begun, self._next = perf_counter(), DELAY
        self._reached = _Reached()

    def __call__(self, step, done):
        self._reached.add(step, done, self._show)

    def _show(self, done):
        elapsed = perf_counter() - self._begun
        if elapsed < self._next or not 0 < done < self._total:
            return
        self._next = 2 * elapsed
        print(
            f"[skinfluence] {self._what}: {done:,} of {self._total:,} {self._unit} after "
            f"{_duration(elapsed)}, about {_duration(elapsed * (self._total / done - 1))} left",
            flush=True,
        )


def _duration(seconds):
    """Time in words: 7 s, 2 min 20 s, 1 h 5 min."""
    seconds = max(1, round(seconds))
    minutes, hours = seconds // 60, seconds // 3600
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"


def somebody_looks():
    """Whether there is a terminal or a notebook: a bar in a log file is noise."""
    if sys.stderr.isatty():
        return True
    shell = sys.modules.get("IPython")
    running = shell.get_ipython() if shell is not None else None
    return running is not None and "IPKernelApp" in running.config
