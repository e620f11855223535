"""As much of peft as the worker uses."""

from pathlib import Path

import acts


class PeftModel:
    @classmethod
    def from_pretrained(cls, model, model_id, is_trainable=False):
        assert Path(model_id).is_dir()
        made = cls()
        made.model = model
        return made

    def merge_and_unload(self):
        acts.note("merge")
        return self.model
