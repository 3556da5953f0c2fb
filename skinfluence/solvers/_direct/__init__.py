"""Inverses by a factorisation of the whole Hessian, or of its n x n side."""
