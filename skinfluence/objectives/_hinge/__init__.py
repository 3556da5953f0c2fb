"""Hinge losses at their kinks: margins, the path of the optimum, machines of several pairs."""
