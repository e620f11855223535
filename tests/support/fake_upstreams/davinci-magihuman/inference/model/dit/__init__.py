from .dit_model import get_dit as get_dit
