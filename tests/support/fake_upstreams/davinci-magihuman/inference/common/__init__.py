from .config import parse_config as parse_config
