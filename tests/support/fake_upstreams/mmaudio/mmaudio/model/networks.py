import acts


class MMAudio:
    def to(self, device, dtype):
        acts.note("to", device=str(device), dtype=str(dtype))
        return self

    def eval(self):
        return self

    def load_weights(self, src_dict):
        assert src_dict["a"] == 1

    def update_seq_lengths(self, latent_seq_len, clip_seq_len, sync_seq_len):
        self.lengths = [latent_seq_len, clip_seq_len, sync_seq_len]


def get_my_mmaudio(name, **kwargs):
    acts.note("load", name=name)
    return MMAudio()
