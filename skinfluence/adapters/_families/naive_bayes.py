"""Naive Bayes classifiers, in closed form."""

import sklearn

from skinfluence.adapters._registry import register
from skinfluence.closed_form import (
    BernoulliNaiveBayes,
    CategoricalNaiveBayes,
    ComplementNaiveBayes,
    GaussianNaiveBayes,
    MultinomialNaiveBayes,
)

#: Model of each class, and its caveat.
MODELS = {
    "GaussianNB": (GaussianNaiveBayes, ""),
    "MultinomialNB": (MultinomialNaiveBayes, ""),
    "ComplementNB": (ComplementNaiveBayes, ""),
    "BernoulliNB": (BernoulliNaiveBayes, ""),
    "CategoricalNB": (
        CategoricalNaiveBayes,
        "The number of categories of each column is held fixed.",
    ),
}


def _register(name, model, caveat):
    @register(
        "sklearn.naive_bayes",
        name,
        examples=lambda: [getattr(sklearn.naive_bayes, name)()],
        caveat=caveat,
        closed_form=True,
    )
    def naive_bayes(estimator, X, y, sample_weight, settings):
        """Sums over the rows of each class."""
        return model(estimator, X, y, sample_weight)


for name, (model, caveat) in MODELS.items():
    _register(name, model, caveat)
