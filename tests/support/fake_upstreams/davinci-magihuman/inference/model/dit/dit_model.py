from pathlib import Path


def get_dit(model_config, engine_config):
    assert model_config == "arch"
    if not next(Path(engine_config.load).glob("*"), None):
        raise FileNotFoundError(engine_config.load)
    return Path(engine_config.load).name
