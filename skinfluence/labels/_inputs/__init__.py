"""Input of a flagger: settings, targets, tables, rows."""
