"""Naive Bayes classifiers, in closed form."""

from skinfluence.adapters._registry import register_closed_form
from skinfluence.closed_form import (
    BernoulliNaiveBayes,
    CategoricalNaiveBayes,
    ComplementNaiveBayes,
    GaussianNaiveBayes,
    MultinomialNaiveBayes,
)

register_closed_form("sklearn.naive_bayes.GaussianNB", GaussianNaiveBayes)
register_closed_form("sklearn.naive_bayes.MultinomialNB", MultinomialNaiveBayes)
register_closed_form("sklearn.naive_bayes.ComplementNB", ComplementNaiveBayes)
register_closed_form("sklearn.naive_bayes.BernoulliNB", BernoulliNaiveBayes)
register_closed_form(
    "sklearn.naive_bayes.CategoricalNB",
    CategoricalNaiveBayes,
    caveat="The number of categories of each column is held fixed.",
)
