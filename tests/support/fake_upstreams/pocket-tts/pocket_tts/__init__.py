from pocket_tts.models.tts_model import TTSModel

__all__ = ["TTSModel"]
