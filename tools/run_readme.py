"""Run the README's Python blocks and compare what they print with what the README shows.

Usage: python tools/run_readme.py [README.md]    Exit status 1 where a block prints something else.
Each ```python block runs in a process of its own, by the Python that runs this script, so that it
sees the environment that the README's own commands made; the ```text block after it must be its
output, to the letter.
"""

import difflib
import re
import subprocess
import sys
from pathlib import Path

BLOCKS = re.compile(r"^```(python|text)\n(.*?)^```$", flags=re.M | re.S)


def examples(text):
    """Pairs of a Python block and the output that the README shows for it, "" where none."""
    pairs = []
    for language, body in BLOCKS.findall(text):
        if language == "python":
            pairs.append([body, ""])
        elif pairs:
            pairs[-1][1] = body
    return pairs


def main(path):
    """Number of blocks whose output differs."""
    wrong = 0
    pairs = examples(path.read_text("utf-8"))
    if not pairs:
        sys.exit(f"{path} has no Python block")
    for number, (code, expected) in enumerate(pairs, 1):
        # -W error would also raise for warnings of other packages at import
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        printed = done.stdout
        if done.returncode == 0 and not done.stderr and printed == expected:
            print(f"{path.name}, Python block {number}: as shown")
            continue
        wrong += 1
        print(f"{path.name}, Python block {number}: exit status {done.returncode}")
        lines = difflib.unified_diff(
            expected.splitlines(), printed.splitlines(), "README", "printed", lineterm=""
        )
        print("\n".join([*lines, done.stderr]))
    return wrong


if __name__ == "__main__":
    sys.exit(bool(main(Path(sys.argv[1] if len(sys.argv) > 1 else "README.md"))))
