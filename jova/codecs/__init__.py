"""Video and audio codecs between media and latents."""
