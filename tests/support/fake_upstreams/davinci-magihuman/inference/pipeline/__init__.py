from .pipeline import MagiPipeline as MagiPipeline
