"""What the given labels are worth, by what the sources say."""
