"""jova_bench: reproducible evaluation of joint video-audio generation."""
