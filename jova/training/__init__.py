"""Training from scratch: codecs, cached latents, model. `jova.train` is the command."""
