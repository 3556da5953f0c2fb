"""Other packages, one a file, each set up to compute the same numbers as nearly as it allows.

Everything runs in float64 on the CPU, from tensors that share the memory of the arrays. Batches are
slices of these tensors: collating row by row, as a plain DataLoader does, would cost more than the
packages' own work. Batch sizes are the fastest of those that were tried.
"""
