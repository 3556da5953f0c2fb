"""Pictures of rows in the page itself: pixels of a table, and image files made small."""

import base64
import io
import warnings
from pathlib import Path

import numpy as np

from skinfluence._utils.tables import value_text
from skinfluence.report._page import needed

#: Longest side in pixels, the first with which all pictures of a page take less than `_MOST_BYTES`.
_SIDES = (160, 112, 80, 56)
_MOST_BYTES = 500_000
_QUALITY = 80


class Pixels:
    """Grey pictures from arrays of numbers of shape (n, height, width)."""

    def __init__(self, values):
        self._values = np.asarray(values, dtype=np.float64)

    def __len__(self):
        return len(self._values)

    def pictures(self, rows):
        """A dict with the address of the picture of each row."""
        return {row: {"image": grey_picture(self._values[row])} for row in rows}


class ImageFiles:
    """Pictures from PNG and JPEG files below a folder, made small, without their metadata."""

    def __init__(self, names, folder):
        self._names = [str(name) for name in names]
        self._folder = Path(folder).resolve()
        self._opened: dict = {}  # an image, or why there is none, by row

    def __len__(self):
        return len(self._names)

    def pictures(self, rows):
        """A dict by row: its picture with the file's name, or in "missing" why there is none.

        All have the largest size with which they fit into a page; with the smallest one, the first
        of `rows` have theirs, and the others the file's name.
        """
        for row in rows:
            if row not in self._opened:
                self._opened[row] = self._open(self._names[row])
        images = {row: self._opened[row] for row in rows if not isinstance(self._opened[row], str)}
        for side in _SIDES:
            made = {row: _jpeg(image, side) for row, image in images.items()}
            if sum(map(len, made.values())) <= _MOST_BYTES:
                break
        out, left = {}, _MOST_BYTES
        for row in rows:
            name, why = value_text(self._names[row], longest=60), self._opened[row]
            out[row] = {"alt": name}
            left -= len(made.get(row, ""))
            if row in made and left >= 0:
                out[row]["image"] = made[row]
            else:
                why = why if isinstance(why, str) else "left out, the page would be too large"
                out[row]["missing"] = f"{name}: {why}"
        return out

    def _open(self, name):
        """The image as Pillow has it, or words."""
        images, operations = needed("PIL.Image"), needed("PIL.ImageOps")
        if not name.strip():
            return "no file"
        try:
            path = (self._folder / name.replace("\\", "/")).resolve()
            if not path.is_relative_to(self._folder):
                return "outside of the folder of the table"
            if not path.is_file():
                return "there is no such file"
            with warnings.catch_warnings():  # of pictures that are very large
                warnings.simplefilter("error")
                with images.open(path, formats=("PNG", "JPEG")) as image:
                    image.draft("RGB", (2 * _SIDES[0],) * 2)  # a JPEG is read small
                    image.thumbnail((2 * _SIDES[0],) * 2)
                    image = operations.exif_transpose(image).convert("RGBA")
        except (OSError, SyntaxError, ValueError, Warning, images.DecompressionBombError):
            return "no PNG or JPEG file that can be read"
        paper = images.new("RGB", image.size, "white")
        paper.paste(image, mask=image.getchannel("A"))
        return paper


def _jpeg(image, side):
    """Address that holds an image of Pillow, no side longer than `side`."""
    small = image.copy()
    small.thumbnail((side, side))
    return _address(small, "jpeg", quality=_QUALITY)


def grey_picture(values):
    """Address of a grey PNG picture of numbers (height, width), dark where they are large."""
    low, high = np.nanmin(values), np.nanmax(values)
    grey = 255 - np.nan_to_num(255 * (values - low) / ((high - low) or 1.0)).astype(np.uint8)
    return _address(needed("PIL.Image").fromarray(grey), "png", optimize=True)


def _address(image, kind, **settings):
    """Address that holds an image of Pillow."""
    out = io.BytesIO()
    image.save(out, kind, **settings)
    return f"data:image/{kind};base64," + base64.b64encode(out.getvalue()).decode()
