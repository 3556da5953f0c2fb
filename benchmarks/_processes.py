"""Child processes with pinned threads, driven by one line of JSON a request."""

import json
import os
import select
import subprocess
import sys
import warnings
from contextlib import suppress
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
#: Choices of a kernel made by hand: left out, so that each library picks its own.
CHOSEN_KERNELS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "MKL_ENABLE_INSTRUCTIONS")
#: Left out too: modules of an installed package are compiled once, not in each process.
UNCOMPILED = ("PYTHONDONTWRITEBYTECODE",)


def child_environment(threads):
    """Environment of a process whose linear algebra uses `threads` threads."""
    environment = {k: v for k, v in os.environ.items() if k not in CHOSEN_KERNELS + UNCOMPILED}
    environment |= dict.fromkeys(THREADS, str(threads))
    # the package need not be installed from this checkout, the benchmarks need not be at all
    path = [str(ROOT), *filter(None, [environment.get("PYTHONPATH")])]
    quiet = {"PYTHONWARNINGS": "ignore", "TQDM_DISABLE": "1"}
    return environment | quiet | {"PYTHONPATH": os.pathsep.join(path)}


class Child:
    """A process that serves a module, a request at a time.

    Request `do` is answered by the module's function ``_do``, of the other arguments; or all of
    them by its ``handle(request)``, if it has one.
    """

    def __init__(self, module, threads):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks._processes", module],
            env=child_environment(threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, *, within=None, **request):
        """The answer to one request.

        Raises
        ------
        RuntimeError
            When the process ended instead; its own message is on the standard error stream.
        TimeoutError
            When there was no answer `within` so many seconds; the process is ended.
        """
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # told below, with the request
        if not select.select([self.process.stdout], [], [], within)[0]:
            self.process.kill()
            raise TimeoutError(f"No answer within {within} s to {request}.")
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"The process ended at {request}; see its message above.")
        return json.loads(line)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def _answer(module, request):
    """What the module's function says; {"failed": reason} where MAY_FAIL lets it fail."""
    function = getattr(module, f"_{request.pop('do')}")
    if not getattr(module, "MAY_FAIL", False):
        return function(**request)
    try:
        return function(**request)
    except Exception as error:  # of a package of others: told in the table
        # "allocate memory" are torch's own words
        if isinstance(error, MemoryError) or "allocate memory" in str(error):
            return {"failed": "memory"}
        return {"failed": f"{type(error).__name__}: {error}"}


def _serve(module):
    """Answer requests until the input ends; whatever else is printed goes to standard error."""
    warnings.simplefilter("ignore")
    handle = getattr(module, "handle", partial(_answer, module))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        answers.write(json.dumps(handle(json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    import importlib

    _serve(importlib.import_module(sys.argv[1]))
