"""``skinfluence demo`` prints what it promises, and refuses what it cannot read."""

import re

import pytest
from click.testing import CliRunner

import skinfluence
from skinfluence.cli import main

# Test row 1742 of the modified data: row -> (first order, exact refit) of an independent
# computation at the exact optimum; the authors' notebook has the same rows in the same order.
HARMFUL = {
    13685: (-0.11920817, -0.12491564),
    9366: (-0.11756793, -0.12334137),
    11116: (-0.07923137, -0.08418355),
    5825: (-0.00322494, -0.00330020),
    13027: (-0.00273828, -0.00277136),
}
HELPFUL = {
    19590: (0.09756426, 0.11135260),
    11641: (0.00156373, 0.00156930),
    14549: (0.00154005, 0.00154432),
    19107: (0.00148829, 0.00149106),
    4849: (0.00145498, 0.00145783),
}


def run(*arguments):
    return CliRunner().invoke(main, arguments, prog_name="skinfluence")


@pytest.fixture(scope="module")
def page():
    result = run("demo")
    assert result.exit_code == 0, result.output
    return result.output


def patients(page):
    """The lines of the two tables: (row, first order, Newton step, refitted)."""
    pattern = r"^ *\*?(\d+) .*readmitted +([-+][.\d]+) +([-+][.\d]+) +([-+][.\d]+)$"
    lines = re.findall(pattern, page, flags=re.M)
    return [(int(row), *map(float, numbers)) for row, *numbers in lines]


def test_the_tables_show_the_rows_of_the_paper_in_their_order(page):
    assert [line[0] for line in patients(page)] == [*HARMFUL, *HELPFUL]


def test_predicted_and_refitted_changes_are_the_known_ones(page):
    expected = HARMFUL | HELPFUL
    for row, first_order, newton_step, refitted in patients(page):
        assert first_order == pytest.approx(expected[row][0], abs=1e-5)
        assert refitted == pytest.approx(expected[row][1], abs=1e-5)
        assert newton_step == pytest.approx(refitted, rel=0.03, abs=1e-5)


def test_the_model_is_the_one_of_the_paper(page):
    assert "Objective 0.642590" in page


def test_children_are_marked_and_their_distance_is_given(page):
    assert re.findall(r"\*(\d+) +0-10", page) == ["13685", "9366", "11116", "19590"]
    assert "37, 36, 30 and 25 times" in " ".join(page.split())


def test_scikit_learn_alone_confirms_the_refit(page):
    text = " ".join(page.split())
    (change,) = re.findall(
        r"fitted again without row 13685, changes the loss by ([-+.\d]+)\.", text
    )
    assert float(change) == pytest.approx(HARMFUL[13685][1], abs=1e-5)


def test_every_step_has_its_time(page):
    assert len(re.findall(r"\d+\.\d{3} s$", page, flags=re.M)) == 6


def test_the_page_is_plain_text_of_at_most_100_columns(page):
    assert page.isascii()
    assert "\x1b" not in page
    assert max(map(len, page.splitlines())) <= 100


def test_top_says_how_many_patients_are_shown():
    assert len(patients(run("demo", "--top", "1").output)) == 2


def test_version():
    result = run("--version")
    assert result.exit_code == 0
    assert skinfluence.__version__ in result.output


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["demo", "--help"]])
def test_help(arguments):
    result = run(*arguments)
    assert result.exit_code == 0
    assert "Usage: skinfluence" in result.output


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["dem"], "No such command 'dem'"),
        (["--demo"], "No such option"),
        (["demo", "--top", "0"], "0 is not in the range 1<=x<=50"),
        (["demo", "--top", "51"], "51 is not in the range 1<=x<=50"),
        (["demo", "--top", "many"], "'many' is not a valid integer"),
        (["demo", "--top"], "requires an argument"),
        (["demo", "1742"], "unexpected extra argument"),
    ],
)
def test_wrong_input_is_refused_before_any_work(arguments, message):
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.output
