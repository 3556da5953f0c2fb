"""Sources of out-of-sample predictions."""
