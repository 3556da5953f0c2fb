"""``apply`` writes decided rows anew, everything else byte by byte, whole or not at all."""

import gzip

import pytest

from skinfluence._utils.decisions import Decision, TableKey, hash_file, write_decisions
from skinfluence.cli._files.cleaning import apply_decisions
from skinfluence.cli._files.records import DataError

DATA = (
    b'id,text,label\r\n0,"a ""quoted"", word",ham\r\n1,"two\nlines", ham \r\n\r\n'
    b'2,,"spam"\r\n3,5" disk,ham\r\n4,last,spam'
)


def decided(tmp_path, data, *made, name="data.csv", rows=5, target="label"):
    """Files of data and of decisions on them."""
    path = tmp_path / name
    path.write_bytes(data)
    key = TableKey(name, hash_file(path), rows, target)
    write_decisions(tmp_path / "decisions.csv", key, made)
    return path, tmp_path / "decisions.csv", tmp_path / f"clean-{name}"


def test_all_but_the_decided_cells_stay_as_they_are(tmp_path):
    made = [
        Decision(0, "ham", "keep"),
        Decision(1, "ham", "relabel", "junk, really"),
        Decision(2, "spam", "relabel", "ham"),
        Decision(3, "ham", "drop"),
        Decision(4, "spam", "unsure"),
    ]
    files = decided(tmp_path, DATA, *made)
    counts = apply_decisions(*files)
    assert counts == {"kept": 1, "relabelled": 2, "dropped": 1, "unsure": 1}
    assert files[2].read_bytes() == (
        b'id,text,label\r\n0,"a ""quoted"", word",ham\r\n1,"two\nlines","junk, really"\r\n\r\n'
        b'2,,"ham"\r\n4,last,spam'
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends_stay(tmp_path, encoding, line_end):
    text = line_end.join(["größe;label", "1,5;straße", " x ; kind", "2;kind", ""])
    made = Decision(1, "kind", "relabel", "straße")
    files = decided(tmp_path, text.encode(encoding), made, rows=3)
    assert apply_decisions(*files) == {"undecided": 2, "relabelled": 1}
    assert files[2].read_bytes() == text.replace(" kind", " straße").encode(encoding)


@pytest.mark.parametrize("encoding", [None, "utf-16"])
def test_the_byte_order_mark_says_which_utf_16_a_file_is_in(tmp_path, encoding):
    data = "\ufeffa,label\n1,größe\n2,kind\n"
    files = decided(tmp_path, data.encode("utf-16-be"), Decision(0, "größe", "drop"), rows=2)
    apply_decisions(*files, encoding=encoding)
    assert files[2].read_bytes() == data.replace("1,größe\n", "").encode("utf-16-be")


def test_decisions_are_applied_to_packed_files(tmp_path):
    made = Decision(0, "ham", "relabel", "spam")
    files = decided(tmp_path, gzip.compress(DATA), made, name="data.csv.gz")
    apply_decisions(*files)
    assert gzip.decompress(files[2].read_bytes()) == DATA.replace(b"ham", b"spam", 1)
    apply_decisions(*files)  # the same bytes again


def test_numbers_match_by_value(tmp_path):
    files = decided(
        tmp_path, b"x;y\n1;3,50\n2;4\n", Decision(0, "3.5", "relabel", "3,6"), rows=2, target="y"
    )
    apply_decisions(*files)
    assert files[2].read_bytes() == b"x;y\n1;3,6\n2;4\n"


@pytest.mark.parametrize(
    "separator, old, given, new, written",
    [
        (";", "1.060,5", "1060.5", "12.345", "12,345"),  # a point would be read as 12345
        (",", '"1,060.5"', "1060.5", "1.5e+06", '"1500000"'),
        (",", "67.30660609382453", "67.30660609382453", "1.5e+06", "1.5e+06"),
    ],
)
def test_new_values_are_written_as_the_table_writes_its_own(
    tmp_path, separator, old, given, new, written
):
    lines = [f"x{separator}y", f"1{separator}{old}", f"2{separator}7", ""]
    data, made = "\n".join(lines).encode(), Decision(0, given, "relabel", new)
    files = decided(tmp_path, data, made, rows=2, target="y")
    apply_decisions(*files)
    assert files[2].read_text() == "\n".join(lines).replace(old, written)


def test_applying_twice_changes_nothing_and_another_output_stays(tmp_path):
    files = decided(tmp_path, DATA, Decision(0, "ham", "drop"))
    apply_decisions(*files)
    once = files[2].read_bytes()
    apply_decisions(*files)
    assert files[2].read_bytes() == once
    files[2].write_bytes(b"other")
    with pytest.raises(DataError, match="another content"):
        apply_decisions(*files)
    assert files[2].read_bytes() == b"other"
    apply_decisions(*files, force=True)
    assert files[2].read_bytes() == once


def test_a_changed_table_is_refused(tmp_path):
    files = decided(tmp_path, DATA, Decision(0, "ham", "drop"))
    files[0].write_bytes(DATA.replace(b"last", b"lost"))
    with pytest.raises(DataError, match="changed since"):
        apply_decisions(*files)
    assert not files[2].exists()


@pytest.mark.parametrize(
    "made, rows, words",
    [
        (Decision(2, "ham", "drop"), 5, "Row 2 has 'spam'"),
        (Decision(0, "ham", "drop"), 6, "has 5 rows, the decisions were made for 6"),
        (Decision(0, "ham", "relabel", "=cmd|x!A1"), 5, "as a formula"),
    ],
)
def test_decisions_that_do_not_fit_leave_no_file(tmp_path, made, rows, words):
    files = decided(tmp_path, DATA, made, rows=rows)
    with pytest.raises(DataError, match=words):
        apply_decisions(*files)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"data.csv", "decisions.csv"}


def test_a_label_that_the_encoding_lacks_is_refused(tmp_path):
    data = "größe,label\n1,a\n".encode("cp1252")
    files = decided(tmp_path, data, Decision(0, "a", "relabel", "日本"), rows=1)
    with pytest.raises(DataError, match="cannot be written in cp1252"):
        apply_decisions(*files)
    assert not files[2].exists()


@pytest.mark.parametrize("place", [0, 1])
def test_an_input_is_never_overwritten(tmp_path, place):
    files = decided(tmp_path, DATA, Decision(0, "ham", "drop"))
    before = files[place].read_bytes()
    with pytest.raises(DataError, match="never overwritten"):
        apply_decisions(files[0], files[1], files[place], force=True)
    assert files[place].read_bytes() == before


def test_a_folder_that_is_not_there_is_named(tmp_path):
    table, decisions, _ = decided(tmp_path, DATA, Decision(0, "ham", "drop"))
    with pytest.raises(
        DataError, match=r"none.clean\.csv cannot be written: there is no such folder"
    ):
        apply_decisions(table, decisions, tmp_path / "none" / "clean.csv")


def test_an_interruption_leaves_no_file(tmp_path):
    files = decided(tmp_path, DATA, Decision(0, "ham", "drop"))

    def interrupt(characters):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply_decisions(*files, tick=interrupt)
    assert {path.name for path in tmp_path.iterdir()} == {"data.csv", "decisions.csv"}
