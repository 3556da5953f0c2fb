"""``python -m benchmarks``: run every benchmark and write the tables."""

import argparse
from importlib import import_module
from importlib.util import find_spec
from time import perf_counter

from benchmarks._processes import Child
from benchmarks._real_data import data_folder
from benchmarks._tables import try_out, write

#: Modules of this folder, in the order in which they run.
BENCHMARKS = (
    "influence_matrix",
    "leave_one_out",
    "import_time",
    "command_line",
    "kernels",
    "scaling",
    "crossover",
    "lissa",
    "mnist",
    "text",
    "fidelity",
    "fixing",
    "attacks",
    "attacks_network",
    "mismatch",
    "networks",
    "retraining",
    "kronecker",
    "networks_relative",
    "labels_flipped",
    "labels_weak",
    "labels_people",
    "labels_probabilities",
    "labels_cleaning",
    "labels_review",
    "labels_suggested",
    "labels_values",
    "labels_scale",
    "relabelling",
    "groups",
    "functionals",
    "components",
    "curvature",
    "closed_form",
    "counts",
    "families",
    "deletion",
    "conclusions",
    "cross_validation",
    "intervals",
    "values",
    "wrong_rows",
    "prototypes",
    "selection",
    "selection_full",
    "selection_rows",
)


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="name",
        help=f"of {', '.join(BENCHMARKS)}; labels: all that begin so",
    )
    parser.add_argument(
        "--quick", action="store_true", help="small and few: tries the code, writes nothing"
    )
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(BENCHMARKS) - {"labels"}
    if unknown:
        parser.error(f"not known: {', '.join(sorted(unknown))}. Expected {', '.join(BENCHMARKS)}.")
    with Child("benchmarks._machine", threads=1) as child:
        machine = child.ask()
    print("\n".join(machine), flush=True)
    asked = arguments.names or BENCHMARKS
    for name in BENCHMARKS:
        if name not in asked and not (name.startswith("labels_") and "labels" in asked):
            continue
        print(f"\n{name}", flush=True)
        start = perf_counter()
        module = import_module(f"benchmarks.{name}")
        if getattr(module, "NEEDS_DATA", False) and data_folder() is None:
            print("skipped: the larger data sets were not found", flush=True)
            continue
        if not find_spec(getattr(module, "NEEDS", "skinfluence")):
            print(f"skipped: {module.NEEDS} is not installed", flush=True)
            continue
        made = module.run(quick=arguments.quick)
        if arguments.quick:
            try_out(made)
        else:
            write(name, made, machine, module.INTRODUCTION)
        print(f"{name}: {perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
