import torch.distributed
from inference.common import parse_config


def initialize_infra():
    assert torch.distributed.ranks == [0], "upstream would open a port"
    parse_config(verbose=True)
