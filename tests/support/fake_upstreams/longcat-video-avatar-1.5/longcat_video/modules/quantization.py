from pathlib import Path

from longcat_video.modules.avatar.longcat_video_dit_avatar import LongCatVideoAvatarTransformer3DModel


def load_quantized_dit(checkpoint_dir, subfolder="base_model_int8", **kwargs):
    assert kwargs == {"cp_split_hw": [1, 1]}
    return LongCatVideoAvatarTransformer3DModel(Path(checkpoint_dir) / subfolder)
