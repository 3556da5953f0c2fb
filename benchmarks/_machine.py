"""What the numbers were measured on."""

import importlib.metadata
import os
import platform

PACKAGES = (
    "skinfluence",
    "scikit-learn",
    "numpy",
    "scipy",
    "numba",
    "torch",
    "captum",
    "pyDVL",
    "pyinfluence",
    "dattri",
    "kronfluence",
    "cleanlab",
    "MAPIE",
)


def describe():
    """Lines on processor, linear algebra libraries (as seen by this process) and versions."""
    return [_processor(), _linear_algebra(), _versions()]


def _processor():
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as stream:
            names = [line.split(":", 1)[1].strip() for line in stream if "model name" in line]
        name = names[0] if names else name
    except OSError:
        pass
    return (
        f"{name}, {os.cpu_count()} cores; {platform.system()}, Python {platform.python_version()}"
    )


def _linear_algebra():
    import numpy  # noqa: F401
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_info

    parts = []
    for pool in threadpool_info():
        if pool["user_api"] == "blas":
            owner = "scipy" if "scipy.libs" in pool["filepath"] else "numpy"
            kernel = pool.get("architecture")
            parts.append(f"{owner}: {pool['internal_api']} {pool['version']}, {kernel} kernel")
    try:
        import torch
    except ImportError:
        pass
    else:
        parts.append(f"torch: {'MKL' if torch.backends.mkl.is_available() else 'another BLAS'}")
        parts[-1] += f", {torch.backends.cpu.get_cpu_capability()}"
    return "; ".join(sorted(parts))


def _versions():
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


def handle(request):
    """Describe the machine from a child process, whose environment is that of the timings."""
    return describe()
