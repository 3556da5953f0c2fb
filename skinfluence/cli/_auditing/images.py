"""Images of the rows of a table: files that a column names, or columns of pixels."""

import re
from pathlib import Path

import numpy as np

from skinfluence.cli._files.columns import is_missing
from skinfluence.cli._files.records import DataError

_FILE = re.compile(r".+\.(png|jpe?g)", re.IGNORECASE | re.DOTALL)
_SHAPE = re.compile(r"(\d+)x(\d+)")


def find_images(prepared, asked, drop):
    """`images` and `image_folder` of a report, as keyword arguments.

    `asked` is a column, or HEIGHTxWIDTH of all columns but the target and those of `drop`; None
    takes the first column whose cells are all names of PNG or JPEG files.
    """
    table, rows = prepared.table, prepared.labels.rows
    others = [name for name in table.columns if name != prepared.labels.name and name not in drop]
    shape = _SHAPE.fullmatch(asked or "")
    if shape and asked not in table.columns:
        return {"images": _pixels(table, others, rows, tuple(map(int, shape.groups())))}
    if asked is not None and asked not in table.columns:
        raise DataError(
            f"--images {asked!r} is neither a column nor HEIGHTxWIDTH, such as 28x28. Columns: "
            f"{', '.join(list(table.columns)[:15])}."
        )
    for name in others if asked is None else [asked]:
        cells = [table.columns[name][row].strip() for row in rows]
        if asked is not None or _are_files(cells):
            prepared.notes.append(f"Pages show the images that column {name!r} names.")
            return {"images": cells, "image_folder": Path(table.path).absolute().parent}
    return {}


def _are_files(cells):
    there = [cell for cell in cells if not is_missing(cell)]
    return bool(there) and all(_FILE.fullmatch(cell) for cell in there)


def _pixels(table, names, rows, shape):
    height, width = shape
    if len(names) != height * width:
        raise DataError(
            f"--images {height}x{width} needs {height * width:,} columns beside the target; "
            f"{table.path} has {len(names):,}. Leave others out with --drop."
        )
    try:
        values = [np.array([table.columns[n][row] or "nan" for row in rows], float) for n in names]
    except ValueError as error:
        raise DataError(f"--images {height}x{width} needs columns of numbers: {error}.") from error
    return np.stack(values, axis=1).reshape(len(rows), height, width)
