"""Notes on what was read and fitted: warnings of models, and the error stream."""

import warnings
from contextlib import contextmanager

import click


@contextmanager
def noted_warnings(notes):
    """Context that adds the warnings of a model to the notes, each once."""
    with warnings.catch_warnings(record=True) as caught:
        for category in (UserWarning, RuntimeWarning):
            warnings.simplefilter("always", category)
        yield
    for words in dict.fromkeys(" ".join(str(w.message).split()) for w in caught):
        notes.append(words)


def print_notes(notes):
    """Notes on what was read, on the error stream."""
    for note in notes:
        click.secho(f"Note  {note}", fg="yellow", err=True)
