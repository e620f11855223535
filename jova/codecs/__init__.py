"""Video and audio codecs with one interface, `jova.codecs.base.Codec`; `loading` reads whichever a path holds."""

from jova.codecs.audio import AudioCodec, AudioCodecConfig
from jova.codecs.base import Codec
from jova.codecs.video import VideoCodec, VideoCodecConfig

__all__ = ["AudioCodec", "AudioCodecConfig", "Codec", "VideoCodec", "VideoCodecConfig"]
