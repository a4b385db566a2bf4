"""Interactions of two neurons: closed forms, Hermite series and quadrature behind one function, and its derivatives."""
