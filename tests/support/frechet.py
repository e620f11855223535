"""The Fréchet distance as it is published."""

import numpy as np
from scipy.linalg import sqrtm


def by_square_root(x, y):
    """Between sets of (n, d) and (m, d) vectors, by a square root of the product of their covariances."""
    s, t = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    return ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(s + t - 2 * sqrtm(s @ t).real)
