"""Learning without the labels that are held for wrong."""
