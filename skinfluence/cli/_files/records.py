"""Text of a table, record by record: what audit reads and apply copies are the same rows."""

import codecs
import csv
import gzip
import io
import re
from collections import Counter
from dataclasses import dataclass

import click

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
#: Characters of which the separator is guessed.
SAMPLE = 200_000
_EXCEL_FIRST_LINE = re.compile(r"\ufeff?sep=(.)\r?\n?", re.IGNORECASE)
_SPACE_BEFORE_QUOTE = re.compile(r'(^|[,;\t|\r\n]) +"')


class DataError(click.ClickException):
    """Data or options that cannot be used; the command ends with code 2."""

    exit_code = 2


@dataclass(frozen=True)
class Dialect:
    """How a file of text holds a table."""

    encoding: str
    separator: str
    skip_space: bool = False  # a quoted cell may follow a space

    def __str__(self):
        return f"{self.encoding}, separated by {SEPARATORS.get(self.separator, self.separator)}"


def open_bytes(path):
    """A file of bytes for reading, unpacked where its name ends in .gz."""
    return gzip.open(path, "rb") if str(path).lower().endswith(".gz") else open(path, "rb")


def open_text(path, encoding):
    """The same as text that keeps its line ends and its byte order mark."""
    return io.TextIOWrapper(open_bytes(path), encoding=encoding, newline="")


def guess_dialect(path, *, encoding=None, separator=None, target=None):
    """Encoding and separator of a file; those that are given are taken as they are."""
    encoding = _known_encoding(path, encoding) if encoding else guess_encoding(path)
    try:
        with open_text(path, encoding) as file:
            sample = file.read(SAMPLE)
    except (UnicodeDecodeError, OSError, EOFError) as error:
        raise DataError(f"{path} cannot be read as {encoding}: {error}.") from error
    if not sample.strip("\ufeff\r\n\t ;,|"):
        raise DataError(f"{path} is empty. Expected a line of names, and rows below it.")
    first = _EXCEL_FIRST_LINE.match(sample)
    if separator is None and first:
        separator = first[1]
    skip_space = bool(_SPACE_BEFORE_QUOTE.search(sample))
    if separator is None:
        separator = _guess_separator(path, sample, skip_space, target)
    return Dialect(encoding, separator, skip_space)


def guess_encoding(path):
    """Encoding of a file: by its byte order mark, else UTF-8 where all of it is, else Western."""
    try:
        with open_bytes(path) as file:
            head = file.read(4096)
            _refuse_other_formats(path, head)
            zeros = [part.count(0) > 0.9 * len(part) for part in (head[1:200:2], head[0:200:2])]
            if head.startswith(codecs.BOM_UTF16_LE) or zeros[0]:
                return "utf-16-le"
            if head.startswith(codecs.BOM_UTF16_BE) or zeros[1]:
                return "utf-16-be"
            decoders = {name: codecs.getincrementaldecoder(name)() for name in ("utf-8", "cp1252")}
            while head and decoders:
                for name in [*decoders]:
                    try:
                        decoders[name].decode(head)
                    except UnicodeDecodeError:
                        del decoders[name]
                head = file.read(1 << 20)
            if "utf-8" in decoders:
                try:
                    decoders["utf-8"].decode(b"", final=True)
                except UnicodeDecodeError:
                    del decoders["utf-8"]
    except (OSError, EOFError) as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    return next(iter(decoders), "latin-1")


def records(path, dialect):
    """Yield (text, cells) of each record: the text as it stands in the file, and its cells.

    The cells are None for what is no row: empty lines, and Excel's first line "sep=;". The first
    cells are the names of the columns.
    """
    with open_text(path, dialect.encoding) as file:
        lines = _Taken(file)
        reader = csv.reader(lines, delimiter=dialect.separator, skipinitialspace=dialect.skip_space)
        first = True
        while True:
            number = reader.line_num + 1
            try:
                cells = next(reader, None)
            except csv.Error as error:
                raise DataError(_explain_csv_error(path, number, error)) from error
            except (UnicodeDecodeError, OSError, EOFError) as error:
                raise DataError(f"{path} cannot be read from line {number} on: {error}.") from error
            if cells is None:
                break
            text = lines.take()
            if first:
                first = False
                if _EXCEL_FIRST_LINE.fullmatch(text):
                    yield text, None
                    continue
            yield text, cells if any(map(str.strip, cells)) else None


def cell_spans(text, dialect):
    """Where each cell of a record stands in its text: pairs of start and end, quotes included.

    The states are those of Python's csv module.
    """
    end = len(text.rstrip("\r\n"))
    spans, start, quoted, fresh = [], 0, False, True
    position = 0
    while position < end:
        character = text[position]
        if quoted:
            if character == '"':
                if text[position + 1 : position + 2] == '"':
                    position += 1
                else:
                    quoted = False
        elif character == '"' and fresh:
            quoted, fresh = True, False
        elif character == dialect.separator:
            spans.append((start, position))
            start, fresh = position + 1, True
        elif not (fresh and dialect.skip_space and character == " "):
            fresh = False
        position += 1
    return [*spans, (start, end)]


class _Taken:
    """Lines of a file without its byte order mark; those since the last record are remembered."""

    def __init__(self, lines):
        self._lines, self._taken, self._mark = lines, [], "\ufeff"

    def __iter__(self):
        return self

    def __next__(self):
        line = next(self._lines)
        self._taken.append(line)
        line, self._mark = line.removeprefix(self._mark), ""
        return line

    def take(self):
        """The text of the record that was read last."""
        text = self._taken[0] if len(self._taken) == 1 else "".join(self._taken)
        self._taken = []
        return text


def _guess_separator(path, sample, skip_space, target):
    """The separator by which all lines have as many cells as the first one."""
    if len(sample) >= SAMPLE:
        sample = sample[: sample.rfind("\n") + 1] or sample
    sample = sample.removeprefix("\ufeff")
    scores, failed = {}, None
    for place, separator in enumerate(SEPARATORS):
        try:
            lines = csv.reader(
                io.StringIO(sample, newline=""), delimiter=separator, skipinitialspace=skip_space
            )
            rows = [cells for cells in lines if any(map(str.strip, cells))][:500]
        except csv.Error as error:
            failed = error
            continue
        width = len(rows[0])
        if width < 2:
            continue
        names = [name.strip(" \"'") for name in rows[0]]
        usual, count = Counter(map(len, rows)).most_common(1)[0]
        share = count / len(rows) if usual == width else 0.0
        scores[separator] = (target in names, round(share, 2), width, -place)
    if not scores:
        if failed is not None:
            raise DataError(_explain_csv_error(path, 1, failed))
        raise DataError(
            f"No separator found in {path}: the first line has one cell. Expected a line of names, "
            "separated by commas, semicolons, tabs or bars; or name another one with --separator."
        )
    return max(scores, key=lambda separator: scores[separator])


def _known_encoding(path, name):
    try:
        found = codecs.lookup(name).name
    except LookupError as error:
        raise DataError(f"--encoding {name} is unknown. Known are utf-8, cp1252, ...") from error
    if found == "utf-16":  # the byte order mark says which
        guessed = guess_encoding(path)
        return guessed if guessed.startswith(found) else "utf-16-le"
    return {"utf-8-sig": "utf-8"}.get(found, found)


def _refuse_other_formats(path, head):
    other = {b"PK\x03\x04": "an Excel workbook", b"\xd0\xcf\x11\xe0": "an old Excel workbook"}
    for magic, what in other.items():
        if head.startswith(magic):
            raise DataError(f"{path} is {what}. Save the sheet as CSV (UTF-8), and pass that file.")
    if head.startswith(b"\x1f\x8b"):
        raise DataError(f"{path} is packed by gzip. Give it a name that ends in .gz.")
    if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith((b"{", b"[{", b"<")):
        raise DataError(f"{path} is JSON, HTML or XML. Expected a table as CSV, TSV or Parquet.")


def _explain_csv_error(path, number, error):
    if "field larger" in str(error):
        return (
            f"{path}, line {number}: a cell is longer than {csv.field_size_limit():,} characters. "
            "Is a quotation mark not closed? Else shorten the cell."
        )
    return f"{path}, line {number}: {error}."
