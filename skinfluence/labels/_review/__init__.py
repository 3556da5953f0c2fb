"""People look at labels: reports, what to look at next, what their answers change."""
