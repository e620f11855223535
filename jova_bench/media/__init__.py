"""Reading and writing of media files: streams, time bases, channels, pixels."""
