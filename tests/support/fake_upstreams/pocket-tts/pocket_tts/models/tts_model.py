"""As much of upstream as the worker uses: weights by name and commit, speech of the global generator, in a thread."""

import logging
import queue
import threading
from pathlib import Path

import acts
import torch
from huggingface_hub import hf_hub_download

REPOSITORY = "kyutai/pocket-tts-without-voice-cloning"
MODEL, VOICES = "d29db7978e464fb90cb3359ee0c69a273b9142cc", "e041936c75475d350b405bc870bcf7c22da4e9e6"
DEFAULT_TEMPERATURE = 0.7
DEFAULT_LSD_DECODE_STEPS = 1
DEFAULT_NOISE_CLAMP = None
DEFAULT_EOS_THRESHOLD = -4.0
MAX_TOKEN_PER_CHUNK = 50
logger = logging.getLogger(__name__)


def fetched(file, revision):
    return Path(hf_hub_download(repo_id=REPOSITORY, filename=file, revision=revision))


class TTSModel:
    sample_rate = 24_000

    @classmethod
    def load_model(
        cls,
        language=None,
        config=None,
        temp=DEFAULT_TEMPERATURE,
        lsd_decode_steps=DEFAULT_LSD_DECODE_STEPS,
        noise_clamp=DEFAULT_NOISE_CLAMP,
        eos_threshold=DEFAULT_EOS_THRESHOLD,
        quantize=False,
    ):
        for file in ("model.safetensors", "tokenizer.model"):
            assert fetched(f"languages/{language}/{file}", MODEL).read_bytes() == b"weights"
        acts.note("load", language=language, temperature=temp, steps=lsd_decode_steps, threshold=eos_threshold)
        return cls()

    def get_state_for_audio_prompt(self, audio_conditioning, truncate=False):
        # In the fake's weights one file stands for all voices.
        assert fetched("languages/english/embeddings/x.safetensors", VOICES).is_file()
        acts.note("voice", name=audio_conditioning)
        return {"offset": 0}

    def generate_audio(
        self,
        model_state,
        text_to_generate,
        max_tokens=MAX_TOKEN_PER_CHUNK,
        frames_after_eos=None,
        copy_state=True,
    ):
        assert model_state == {"offset": 0}
        acts.note("generate", words=text_to_generate)
        acts.act(text_to_generate)
        results = queue.Queue()

        def speak():
            try:
                if "[break]" in text_to_generate:
                    raise RuntimeError("the cache is too short")
                noise = int(torch.randint(8, (1,)))
                results.put(acts.tone(text_to_generate, noise, 1920 * len(text_to_generate.split()), self.sample_rate))
            except Exception as error:
                logger.error(f"Error in autoregressive generation: {error}")
                # What was made so far may win, so that nobody hears of it.
                results.put(acts.tone("", 0, 1920, self.sample_rate))

        threading.Thread(target=speak, daemon=True).start()
        return torch.from_numpy(results.get())
