"""A cache of extracted arrays that shows what it was asked to keep."""

from jova_bench.cache import NoCache


class MemoryCache(NoCache):
    """Keeps arrays in memory, by digest of the clip and key of the extractor."""

    def __init__(self):
        self.kept = {}

    def get(self, digest, extractor, compute):
        """Returns what was kept, or computes and keeps it."""
        if (digest, extractor) not in self.kept:
            self.kept[digest, extractor] = compute()
        return self.kept[digest, extractor]
