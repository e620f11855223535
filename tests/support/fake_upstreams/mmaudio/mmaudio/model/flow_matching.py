class FlowMatching:
    def __init__(self, min_sigma=0.0, inference_mode="euler", num_steps=25):
        assert (min_sigma, inference_mode) == (0, "euler")
        self.num_steps = num_steps
