"""Learning from data with flagged labels."""
