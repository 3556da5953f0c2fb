"""Options that several commands share."""

import click

MODELS = ("auto", "linear", "rbf", "logistic", "ridge", "svm", "boosting", "forest")
TASKS = ("auto", "classification", "regression")


def _separator(context, parameter, value):
    names = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "bar": "|"}
    value = names.get(value, value)
    if value is not None and (len(value) != 1 or value in '"\r\n'):
        raise click.BadParameter(f"{value!r} is not one character, such as ';' or 'tab'.")
    return value


def _apply_all(options):
    def decorate(command):
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


dialect_options = _apply_all(
    [
        click.option("--separator", callback=_separator, help="Of the cells. Default: guessed."),
        click.option("--encoding", help="Of the text, such as utf-8. Default: guessed."),
    ]
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
columns_options = _apply_all(
    [
        click.option("-t", "--target", metavar="COLUMN", help="Column of the labels or values."),
        click.option(
            "--task",
            default="auto",
            show_default=True,
            type=click.Choice(TASKS),
            help="Whether the target holds classes or values.",
        ),
        click.option("--drop", multiple=True, metavar="COLUMN", help="Leave a column out."),
        click.option(
            "--keep", multiple=True, metavar="COLUMN", help="Use a column that looks useless."
        ),
    ]
)
labels_model_option = click.option(
    "--model",
    default="auto",
    show_default=True,
    type=click.Choice(MODELS),
    help="Model of the labels; auto, linear and rbf are chosen by their leave-one-out likelihood.",
)
model_options = _apply_all(
    [
        click.option(
            "--kernel-map",
            type=click.IntRange(1),
            metavar="N",
            help="Radial basis functions around N rows between the columns and the model.",
        ),
        click.option(
            "--skrub", is_flag=True, help="Encode the columns by skrub's TableVectorizer."
        ),
    ]
)
images_option = click.option(
    "--images",
    metavar="COLUMN|HxW",
    help="Images of a page: column with names of PNG or JPEG files (found by itself), or height x "
    "width of pixels, such as 28x28.",
)
