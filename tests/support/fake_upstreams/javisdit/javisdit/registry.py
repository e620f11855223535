import importlib


class Registry:
    def __init__(self, *modules):
        self.modules = modules

    def build(self, told):
        found = [importlib.import_module(name) for name in self.modules]
        kind = next(getattr(module, told["type"]) for module in found if hasattr(module, told["type"]))
        return kind(**{key: value for key, value in told.items() if key != "type"})


MODELS = Registry("javisdit.models", "javisdit.models.wan.modules.vae", "javisdit.models.vae_audio.audioldm2")
SCHEDULERS = Registry("javisdit.schedulers.rf")


def build_module(module, builder, **kwargs):
    return builder.build({**module, **kwargs})
