"""A group of one process."""

ranks = []


class HashStore:
    pass


def init_process_group(backend, store, rank, world_size):
    assert isinstance(store, HashStore)
    assert (rank, world_size) == (0, 1)
    ranks.append(rank)
