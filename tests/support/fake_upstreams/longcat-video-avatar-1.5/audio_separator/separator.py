"""Takes all sound for a voice, and finds none in silence."""

import shutil
from pathlib import Path

import acts

from jova_bench.media import files as media


class Separator:
    def __init__(self, output_dir, output_single_stem, model_file_dir):
        assert output_single_stem == "vocals"
        self.output_dir, self.model_file_dir = Path(output_dir), Path(model_file_dir)

    def load_model(self, model_filename):
        # Else it would fetch them.
        for name in ("download_checks.json", "vr_model_data.json", "mdx_model_data.json"):
            assert (self.model_file_dir / name).is_file(), name

    def separate(self, audio_file_path):
        if not media.read(Path(audio_file_path)).audio.any():
            return []
        name = f"{Path(audio_file_path).stem}_(Vocals).wav"
        shutil.copy(audio_file_path, self.output_dir / name)
        acts.note("separate", others=len(list(self.output_dir.iterdir())) - 1)
        return [name]
