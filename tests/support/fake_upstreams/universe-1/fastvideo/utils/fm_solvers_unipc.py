class FlowUniPCMultistepScheduler:
    def __init__(
        self,
        num_train_timesteps=1000,
        solver_order=2,
        prediction_type="flow_prediction",
        shift=1.0,
        use_dynamic_shifting=False,
        thresholding=False,
        dynamic_thresholding_ratio=0.995,
        sample_max_value=1.0,
        predict_x0=True,
        solver_type="bh2",
        lower_order_final=True,
        disable_corrector=[],  # noqa: B006  upstream's
        solver_p=None,
        timestep_spacing="linspace",
        steps_offset=0,
        final_sigmas_type="zero",
    ):
        self.shift = shift
