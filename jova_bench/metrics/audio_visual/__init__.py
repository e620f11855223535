"""Whether audio and video belong together."""
