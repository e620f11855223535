"""People judge, too: blind votes on pairs of clips, what they say of models, and which metrics agree with them."""
