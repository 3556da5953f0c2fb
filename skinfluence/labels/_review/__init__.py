"""Reports, rows to review, and updates with reviewed labels."""
