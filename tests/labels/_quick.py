"""A flagger of one linear model: for what has nothing to do with forests and landmarks."""

from skinfluence import LabelFlagger


def quick(estimator=None, **settings):
    return LabelFlagger(estimator, representation="linear", **settings)
