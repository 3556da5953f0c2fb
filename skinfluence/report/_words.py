"""Results of a flagger in sentences."""

import numpy as np

from skinfluence._utils.tables import counted, value_text

#: Pairs of classes that are listed.
_MOST_PAIRS = 6


def audit_words(flagger, given):
    """Sentences: how many labels look wrong, how sure that is, what cleaning gains."""
    summary, values = flagger.summary(), flagger.target_type_ == "values"
    what = "value" if values else "label"
    n, flagged = summary.n_rows, summary.n_flagged
    looks = "looks" if flagged == 1 else "look"
    words = [f"{flagged:,} of {counted(n, what)} {looks} wrong and should be reviewed first."]
    if not values and flagger.noise_model:
        digits = 1 if summary.n_wrong_std < 10 else 0
        words.append(
            f"Estimated number of wrong labels: {summary.n_wrong:,.{digits}f} ± "
            f"{summary.n_wrong_std:,.{digits}f} (standard error), {flagger.noise_rate_:.1%} of the "
            f"rows. {summary.n_sure:,} are wrong with high confidence."
        )
    if values:
        error = np.abs(given.astype(np.float64) - flagger.loo_prediction_)
        own = flagger.flagged_
        medians = [f"{np.median(error[rows]):.3g}" for rows in (own, ~own) if rows.any()]
        if len(medians) == 2:
            words.append(
                "Median difference between the given value and the value predicted without the "
                f"row: {medians[0]} in flagged rows, {medians[1]} in the others."
            )
    else:
        share = np.mean(flagger.classes_[flagger.loo_proba_.argmax(axis=1)] == given)
        words.append(
            f"Models that have not seen a row predict its given label in {share:.0%} of the rows."
        )
    if flagged and summary.gain_in_words:
        words.append(summary.gain_in_words)
    if flagged:
        words.append(
            "A rare row with a right label looks like a wrong label: look at each row before you "
            "change it."
        )
    return words


def confusions(flagger, given):
    """The most frequent pairs of a given and a suggested label among flagged rows, as a table.

    With the estimated share of rows of the suggested class that have the given label, and its
    standard error.
    """
    if flagger.target_type_ == "values" or not flagger.flagged_.any():
        return []
    pairs = np.stack([given[flagger.flagged_], flagger.suggested_[flagger.flagged_]], axis=1)
    codes = np.searchsorted(flagger.classes_, pairs)
    found, counts = np.unique(codes, axis=0, return_counts=True)
    rows = []
    for place in np.argsort(-counts, kind="stable")[:_MOST_PAIRS]:
        given_code, true_code = found[place]
        names = (value_text(flagger.classes_[c], longest=40) for c in (given_code, true_code))
        row = dict(zip(("given", "suggested"), names, strict=True), count=int(counts[place]))
        if flagger.noise_model:
            share = flagger.noise_matrix_[true_code, given_code]
            error = flagger.noise_matrix_std_[true_code, given_code]
            row["share"] = f"{share:.1%} ± {error:.1%}"
        rows.append(row)
    return rows
