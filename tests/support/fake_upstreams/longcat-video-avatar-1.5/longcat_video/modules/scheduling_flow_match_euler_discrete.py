from pathlib import Path


class FlowMatchEulerDiscreteScheduler:
    @classmethod
    def from_pretrained(cls, folder, subfolder):
        assert (Path(folder) / subfolder).is_dir()
        return cls()
