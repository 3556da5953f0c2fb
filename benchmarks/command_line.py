"""The command line: how long each command takes, on how much memory.

Run alone: ``python -m benchmarks command_line`` (three minutes, 2.5 GB of a temporary folder).
"""

import csv
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

from benchmarks._processes import child_environment
from benchmarks._tables import Table, megabytes, seconds
from skinfluence._utils.decisions import Decision, TableKey, hash_file, write_decisions

INTRODUCTION = (
    "Each command is a process of its own, with two threads for linear algebra. Seconds are those "
    "of the clock and of the processor in all threads, medians of some rounds of the short "
    "commands; memory is the largest resident size of the whole process, libraries included. Half "
    "of the mixed columns are numbers, some with gaps, the others categories of 3 to 500 values "
    "and dates; a twentieth of the labels is flipped. The free text has 40 words a row out of "
    "20,000."
)
#: The command, which writes its processor seconds and its largest size at its end. (The size that
#: the system gives to a parent may be the parent's own.)
COMMAND = """
import atexit, time
def tell():
    with open("/proc/self/status") as status:
        print(time.process_time(), *(l.split()[1] for l in status if l.startswith("VmHWM")))
atexit.register(tell)
from skinfluence.cli import main
main()
"""
ROWS, GIGABYTE = 50_000, 1_000_000_000
MIXED, TEXT = "50,000 x 30, mixed", "50,000 x 30, one of free text"


def run(quick=False):
    """One table, a line a command."""
    n_rows, size = (2_000, 10_000_000) if quick else (ROWS, GIGABYTE)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        tables = {name: folder / f"{place}.csv" for place, name in enumerate((MIXED, TEXT))}
        for name, path in tables.items():
            write_mixed(path, n_rows, text=name == TEXT)
        audits = [(name, ["audit", str(path), "-t", "label"]) for name, path in tables.items()]
        lines = [
            _line("--help", "", ["--help"], 5),
            _line("audit", "shipped data, 569 x 30", ["audit"], 3),
            *(_line("audit", name, command, 1) for name, command in audits),
            _line("apply", f"{size / 1e9:g} GB", _large(folder, size), 1),
        ]
    columns = ["command", "table", "seconds", "processor seconds", "memory"]
    return [Table("Commands", columns, lines)]


def _line(command, table, arguments, rounds):
    found = [_run(arguments) for _ in range(rounds)]
    clock, processor = (median(one[kind] for one in found) for kind in ("clock", "processor"))
    memory = megabytes(max(one["bytes"] for one in found))
    line = [f"``skinfluence {command}``", table, seconds(clock), seconds(processor), memory]
    print("  " + " | ".join(line), flush=True)
    return line


def _run(arguments):
    """Seconds and largest resident size of a command."""
    start = perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments],
        env=child_environment(2),
        capture_output=True,
        text=True,
        check=True,
    )
    clock = perf_counter() - start
    processor, size = done.stdout.splitlines()[-1].split()
    return {"clock": clock, "processor": float(processor), "bytes": 1024 * int(size)}


def write_mixed(path, n_rows, *, text):
    """Write a table of 30 mixed columns and a label."""
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(n_rows, 15)) * 10.0 ** rng.integers(-1, 4, 15)
    label = rng.integers(0, 3, n_rows)
    numbers[:, :5] += label[:, None] * numbers[:, :5].std(axis=0)
    columns = [[f"{value:.6g}" for value in column] for column in numbers.T]
    for column in columns[3:6]:
        for row in np.flatnonzero(rng.random(n_rows) < 0.05):
            column[row] = ""
    for levels in (3, 3, 5, 8, 12, 20, 40, 60, 120, 250, 500, 500):
        drawn = rng.integers(0, levels, n_rows)
        drawn = np.where(rng.random(n_rows) < 0.2, label % levels, drawn)
        columns.append([f"kind {code}" for code in drawn])
    for _ in range(2):
        days = np.datetime64("2015-01-01") + rng.integers(0, 3650, n_rows)
        columns.append(days.astype(str).tolist())
    columns.append(rng.integers(0, 2, n_rows).astype(str).tolist())
    if text:
        columns[-2] = _texts(label, rng)
    wrong = rng.random(n_rows) < 0.05
    given = np.where(wrong, (label + rng.integers(1, 3, n_rows)) % 3, label)
    columns.append(np.array(["low", "middle", "high"])[given].tolist())
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*(f"column {j}" for j in range(30)), "label"])
        writer.writerows(zip(*columns, strict=True))


def _texts(label, rng):
    """Texts of 40 words of a Zipf distribution, of which three depend on the label."""
    words = np.array([f"word{j:x}" for j in range(20_000)])
    share = 1.0 / np.arange(10, len(words) + 10)
    drawn = rng.choice(len(words), (len(label), 40), p=share / share.sum())
    drawn[:, :3] = 100 * (label[:, None] + 1) + rng.integers(0, 100, (len(label), 3))
    return [" ".join(row) for row in words[drawn]]


def _large(folder, size):
    """Arguments of ``apply`` on a table of so many bytes, with 1,000 decisions."""
    table, decisions = folder / "large.csv", folder / "decisions.csv"
    line = '0.123456,a category,"quoted, text",2024-01-31,' + "x" * 150
    block = 10_000
    n_blocks = size // (block * (len(line) + 7))
    body = "".join(f"{line},{'yes' if i % 2 else 'no'}\n" for i in range(block))
    with open(table, "w", encoding="utf-8", newline="") as file:
        file.write("a,b,c,d,e,label\n")
        for _ in range(n_blocks):
            file.write(body)
    n = n_blocks * block
    made = [Decision(int(i), "no", "relabel", "yes") for i in range(0, n, 2 * max(1, n // 2000))]
    write_decisions(decisions, TableKey(table.name, hash_file(table), n, "label"), made)
    return ["apply", str(table), str(decisions), "-o", str(folder / "clean.csv")]
