"""Naive Bayes classifiers, in closed form."""

from sklearn.naive_bayes import (
    BernoulliNB,
    CategoricalNB,
    ComplementNB,
    GaussianNB,
    MultinomialNB,
)

from skinfluence.adapters._registry import register
from skinfluence.closed_form import (
    BernoulliNaiveBayes,
    CategoricalNaiveBayes,
    ComplementNaiveBayes,
    GaussianNaiveBayes,
    MultinomialNaiveBayes,
)

#: Model of each class, and an example.
MODELS = {
    GaussianNB: (GaussianNaiveBayes, ""),
    MultinomialNB: (MultinomialNaiveBayes, ""),
    ComplementNB: (ComplementNaiveBayes, ""),
    BernoulliNB: (BernoulliNaiveBayes, ""),
    CategoricalNB: (
        CategoricalNaiveBayes,
        "The number of categories of each column is held fixed.",
    ),
}


def _register(cls, model, caveat):
    @register(
        "sklearn.naive_bayes",
        cls.__name__,
        examples=lambda: [cls()],
        caveat=caveat,
        closed_form=True,
    )
    def naive_bayes(estimator, X, y, sample_weight, settings):
        """Sums over the rows of each class."""
        return model(estimator, X, y, sample_weight)


for cls, (model, caveat) in MODELS.items():
    _register(cls, model, caveat)
