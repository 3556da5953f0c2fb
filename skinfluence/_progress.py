"""A progress bar with the time left, where somebody looks and it takes long enough."""

import sys

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
    if not verbose or not somebody_looks():
        yield from steps
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, desc=what, unit=f" {unit}", delay=DELAY, leave=False) as bar:
        for step in steps:
            yield step
            bar.update(size(step))


def somebody_looks():
    """Whether there is a terminal or a notebook: a bar in a log file is noise."""
    if sys.stderr.isatty():
        return True
    shell = sys.modules.get("IPython")
    running = shell.get_ipython() if shell is not None else None
    return running is not None and "IPKernelApp" in running.config
