"""Inverses by conjugate gradients: products with the Hessian only."""
