from pathlib import Path


class Audio2Feature:
    def __init__(
        self,
        model_path="checkpoints/whisper/tiny.pt",
        device=None,
        audio_embeds_cache_dir=None,
        num_frames=16,
        audio_feat_length=[2, 2],  # noqa: B006  upstream's
    ):
        assert Path(model_path).is_file()
        assert (num_frames, audio_feat_length) == (16, [2, 2])
