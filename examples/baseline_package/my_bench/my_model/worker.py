"""Runs my model in the environment of its upstream, which has neither jova-bench nor this package."""


def load(weights, device, options):
    """Returns the model; called once."""
    from my_upstream import Model  # of the checkout

    return Model(weights + "/my-model.safetensors", device)


def generate(model, seed, folder, words, frames, steps):
    """Returns a clip; random generators were seeded before."""
    picture, sound = model.speak(words, frames, steps)  # (T, 64, 64, 3) uint8, (N,) in [-1, 1]
    return {"frames": picture, "fps": 25, "audio": sound, "rate_hz": 16_000}
