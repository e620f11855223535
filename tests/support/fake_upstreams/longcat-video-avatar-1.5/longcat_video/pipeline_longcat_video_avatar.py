"""Stands for meituan-longcat/LongCat-Video: the signatures of its pipeline and its lengths, in the image's own size."""

import acts
import numpy as np


class Latent(np.ndarray):
    """As much of a tensor as the worker uses."""

    def clone(self):
        return self.copy()


def _made(prompt, seed, frames, height, width, first):
    # The square goes on where the piece before it ended.
    film = acts.picture(prompt, seed, first + frames, height, width)[first:]
    latent = np.full((1, 16, (frames - 1) // 4 + 1, 2, 2), first).view(Latent)
    return (film / 255)[None], latent


def _heard(audio_emb):
    """The numbers of the embeddings of the first and of the last frame."""
    assert audio_emb.shape[1:] == (93, 5, 5, 2)
    return [audio_emb[0, k, :, 0, 0].tolist() for k in (0, -1)]


class LongCatVideoAvatarPipeline:
    def __init__(
        self,
        tokenizer,
        text_encoder,
        vae,
        scheduler,
        dit,
        audio_encoder=None,
        audio_feature_extractor=None,
        model_type="avatar-v1.0",
    ):
        told = {"dit": dit.name, "loras": dit.enabled, "encoder": audio_encoder, "extractor": audio_feature_extractor}
        acts.note("load", version=model_type, **told)

    def to(self, device):
        self.device = device

    def get_audio_embedding(self, speech_array, fps=32, device="cpu", sample_rate=16000, model_type="avatar-v1.0"):
        frames = int(len(speech_array) / sample_rate * fps)
        acts.note("embed", frames=frames, version=model_type, silent=int((speech_array == 0).sum()))
        return np.arange(frames)[:, None, None] * np.ones((1, 5, 2))

    def generate_ai2v(
        self,
        image,
        prompt=None,
        negative_prompt=None,
        resolution="480p",
        num_frames=93,
        num_inference_steps=50,
        use_distill=False,
        text_guidance_scale=4.0,
        audio_guidance_scale=4.0,
        num_videos_per_prompt=1,
        generator=None,
        latents=None,
        output_type="np",
        attention_kwargs=None,
        max_sequence_length=512,
        audio_emb=None,
        ref_target_masks=None,
        resize_mode="crop",
    ):
        told = {"steps": num_inference_steps, "distilled": use_distill, "resolution": resolution}
        guidance = [text_guidance_scale, audio_guidance_scale]
        acts.note("first", prompt=prompt, image=image.mode, guidance=guidance, heard=_heard(audio_emb), **told)
        acts.act(prompt)
        assert output_type == "both"
        return _made(prompt, generator.seed, num_frames, image.height, image.width, 0)

    def generate_avc(
        self,
        video,
        video_latent,
        prompt=None,
        negative_prompt=None,
        height=480,
        width=832,
        num_frames=93,
        num_cond_frames=13,
        num_inference_steps=50,
        use_distill=False,
        text_guidance_scale=4.0,
        audio_guidance_scale=4.0,
        num_videos_per_prompt=1,
        generator=None,
        latents=None,
        output_type="np",
        attention_kwargs=None,
        max_sequence_length=512,
        use_kv_cache=True,
        offload_kv_cache=False,
        enhance_hf=True,
        audio_emb=None,
        ref_latent=None,
        ref_img_index=None,
        mask_frame_range=None,
        ref_target_masks=None,
        resize_mode="crop",
    ):
        begins = int(video_latent[0, 0, 0, 0, 0]) + num_frames - num_cond_frames
        told = {"steps": num_inference_steps, "distilled": use_distill, "tail": enhance_hf, "given": len(video)}
        told.update(reference=[*ref_latent.shape, int(ref_latent.max())], index=ref_img_index, mask=mask_frame_range)
        acts.note("next", heard=_heard(audio_emb), **told)
        acts.act(prompt.replace("[raise]", "").replace("[later]", "[raise]"))
        return _made(prompt, generator.seed, num_frames, height, width, begins)
