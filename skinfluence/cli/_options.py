"""Options that several commands share."""

from functools import wraps

import click

MODELS = ("auto", "linear", "rbf", "logistic", "ridge", "svm", "boosting", "forest")
TASKS = ("auto", "classification", "regression")


def _separator(context, parameter, value):
    names = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "bar": "|"}
    value = names.get(value, value)
    if value is not None and (len(value) != 1 or value in '"\r\n'):
        raise click.BadParameter(f"{value!r} is not one character, such as ';' or 'tab'.")
    return value


def _together(name, **options):
    """Decorator for several options, which a command takes as one dict called `name`."""

    def decorate(command):
        @wraps(command)
        def gathered(**values):
            values[name] = {key: values.pop(key) for key in options}
            return command(**values)

        for option in reversed(options.values()):
            gathered = option(gathered)
        return gathered

    return decorate


dialect_options = _together(
    "dialect",
    separator=click.option(
        "--separator", callback=_separator, help="Of the cells. Default: guessed."
    ),
    encoding=click.option("--encoding", help="Of the text, such as utf-8. Default: guessed."),
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
columns_options = _together(
    "columns",
    target=click.option("-t", "--target", metavar="COLUMN", help="Column of the labels or values."),
    task=click.option(
        "--task",
        default="auto",
        show_default=True,
        type=click.Choice(TASKS),
        help="Whether the target holds classes or values.",
    ),
    drop=click.option("--drop", multiple=True, metavar="COLUMN", help="Leave a column out."),
    keep=click.option(
        "--keep", multiple=True, metavar="COLUMN", help="Use a column that looks useless."
    ),
)
labels_model_option = click.option(
    "--model",
    default="auto",
    show_default=True,
    type=click.Choice(MODELS),
    help="Model of the labels; auto, linear and rbf are chosen by their leave-one-out likelihood.",
)
encoder_options = _together(
    "encoder",
    kernel_map=click.option(
        "--kernel-map",
        type=click.IntRange(1),
        metavar="N",
        help="Radial basis functions around N rows between the columns and the model.",
    ),
    skrub=click.option(
        "--skrub", is_flag=True, help="Encode the columns by skrub's TableVectorizer."
    ),
)
images_option = click.option(
    "--images",
    metavar="COLUMN|HxW",
    help="Images of a page: column with names of PNG or JPEG files (found by itself), or height x "
    "width of pixels, such as 28x28.",
)
