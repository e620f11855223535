from pathlib import Path
from types import SimpleNamespace


def get_audio_encoder(checkpoint_path, model_type="avatar-v1.0"):
    assert Path(checkpoint_path).is_dir()
    return SimpleNamespace(to=lambda device: f"{model_type} on {device}")


def get_audio_feature_extractor(checkpoint_path, model_type="avatar-v1.0"):
    assert Path(checkpoint_path).is_dir()
    return model_type
