import acts
import torch


class RFLOW:
    def __init__(self, num_sampling_steps=10, cfg_scale=4.0):
        self.told = {"steps": num_sampling_steps, "guidance": cfg_scale}

    def multimodal_sample(
        self,
        model,
        text_encoder,
        latent_dict,
        prompts,
        device,
        additional_args=None,
        mask=None,
        prior_encoder=None,
        guidance_scale=None,
        progress=True,
        neg_prompts=None,
        return_attn_map=False,
    ):
        assert not torch.is_grad_enabled()
        assert guidance_scale is None
        shapes = {key: list(value.shape) for key, value in latent_dict.items()}
        told = {**self.told, **additional_args, "shapes": shapes, "dtype": str(latent_dict["video"].dtype)}
        acts.note("sample", prompts=prompts, negative=[one[:4] for one in neg_prompts], **told)
        acts.act(prompts[0])
        return latent_dict
