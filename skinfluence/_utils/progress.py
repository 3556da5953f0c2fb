"""Progress of long computations: a bar in terminals and notebooks, lines in a log."""

import sys
from abc import abstractmethod
from contextlib import contextmanager
from importlib.util import find_spec
from threading import Lock
from time import perf_counter

#: Seconds before a bar or a line appears.
DELAY = 2.0


def progress(steps, *, total, what, unit, verbose, size=lambda step: 1):
    """Yield from `steps`, and show their progress after two seconds.

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
    with progress_bar(total=total, what=what, unit=unit, verbose=verbose) as update:
        done = 0
        for step in steps:
            yield step
            done += size(step)
            update(0, done)


@contextmanager
def progress_bar(*, total, what, unit, verbose, first=0):
    """Context that shows the progress of steps which take long themselves.

    Parameters
    ----------
    total, what, unit, verbose
        As for :func:`progress`.
    first : int
        How many of `total` were done before.

    Yields
    ------
    callable
        ``update(step, done)`` says how many of `unit` a step has done by now, an estimate where it
        iterates; `first` and the sum over steps are shown. Any thread may call it.
    """
    if verbose is not None and not verbose:
        yield _silent
    elif is_interactive():
        bar = _Bar(what, unit, total, first)
        try:
            yield bar
        finally:
            bar.close()
    else:
        yield _Lines(what, unit, total, first) if verbose else _silent


def _silent(step, done):
    pass


class _Shown:
    """Sum of the work of all steps, shown after `DELAY` seconds."""

    def __init__(self, what, unit, total, first=0):
        self._what, self._unit, self._total, self._first = what, unit, total, first
        self._begun, self._next = perf_counter(), DELAY
        self._done: dict = {}
        self._lock = Lock()

    def __call__(self, step, done):
        with self._lock:  # an estimate that falls back is not believed
            self._done[step] = max(done, self._done.get(step, 0))
            elapsed = perf_counter() - self._begun
            if elapsed >= self._next:
                self._show(self._first + int(sum(self._done.values())), elapsed)

    @abstractmethod
    def _show(self, done, elapsed):
        """Show the whole units that are done after so many seconds."""


class _Bar(_Shown):
    """A bar of tqdm, which is imported when it is first shown."""

    _bar = None

    def _show(self, done, elapsed):
        if self._bar is None:
            # miniters=0: an update that finishes no whole unit still shows the time
            settings = {"unit": f" {self._unit}", "leave": False, "miniters": 0}
            settings["initial"] = self._first
            self._bar = _bar_type()(total=self._total, desc=self._what, **settings)
            self._bar.start_t -= elapsed
        self._bar.update(done - self._bar.n)

    def close(self):
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()


def _bar_type():
    """Class of tqdm; notebooks without widgets get the one of terminals."""
    if _in_notebook() and find_spec("ipywidgets") is not None:
        from tqdm.notebook import tqdm
    else:
        from tqdm import tqdm
    return tqdm


class _Lines(_Shown):
    """Lines for a log: how much is done and the time that is left, after 2, 4, 8, ... seconds."""

    def _show(self, done, elapsed):
        if not self._first < done < self._total:
            return
        self._next = 2 * elapsed
        left = elapsed * (self._total - done) / (done - self._first)
        print(
            f"[skinfluence] {self._what}: {done:,} of {self._total:,} {self._unit} after "
            f"{duration(elapsed)}, about {duration(left)} left",
            flush=True,
        )


def duration(seconds):
    """Time in words: 7 s, 2 min 20 s, 1 h 5 min."""
    seconds = max(1, round(seconds))
    minutes, hours = seconds // 60, seconds // 3600
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"


def is_interactive():
    """Whether there is a terminal or a notebook: a bar in a log file is noise."""
    return sys.stderr.isatty() or _in_notebook()


def _in_notebook():
    shell = sys.modules.get("IPython")
    running = shell.get_ipython() if shell is not None else None
    return running is not None and "IPKernelApp" in running.config
