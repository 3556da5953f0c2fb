"""What every layer may use: checks, names of rows, frames, progress, warnings, tables."""
