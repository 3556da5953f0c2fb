"""pyinfluence: closed form, binary models only."""


def closed_form(case):
    """InfluenceFunctions without damping; the intercept is not penalised."""
    from pyinfluence import InfluenceFunctions

    made = InfluenceFunctions(mode="loss", damping=0.0).fit(case.estimator, case.X, case.y)
    return made.explain(case.X_test, case.y_test)
