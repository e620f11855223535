"""Training from nothing: codecs, cached latents, model. `jova.train` is the command."""
