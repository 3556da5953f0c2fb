"""skrub's TableVectorizer in the place of scikit-learn's transformers."""

from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence.cli._files.records import DataError


def skrub_encoder():
    """Unfitted pipeline: the columns as skrub encodes them, scaled."""
    try:
        from skrub import TableVectorizer
    except ImportError as error:
        raise DataError(
            f"--skrub needs a package that is not installed ({error}). Install it: "
            "pip install 'skinfluence[skrub]'"
        ) from error
    return make_pipeline(TableVectorizer(), SimpleImputer(), StandardScaler())
