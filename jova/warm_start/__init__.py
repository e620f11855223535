"""Warm start: a JoVA that begins with the weights of a public text-to-video model, in its audio groups, too.

`jova.warm_start.wan` and `jova.warm_start.cogvideox` say what is kept of each, what deviates and what has no
counterpart.
"""

from jova.warm_start.begin import WarmStart, begin

__all__ = ["WarmStart", "begin"]
