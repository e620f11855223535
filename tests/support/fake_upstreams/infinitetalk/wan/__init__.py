from .multitalk import InfiniteTalkPipeline as InfiniteTalkPipeline
