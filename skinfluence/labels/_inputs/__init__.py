"""What the user gives: settings, targets, tables, rows."""
