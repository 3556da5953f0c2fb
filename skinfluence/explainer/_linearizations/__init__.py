"""From a fitted estimator to the linear model of it that answers: one kind of model a file."""
