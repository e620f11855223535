import acts


class DeepCacheSDHelper:
    def __init__(self, pipe=None):
        self.pipe, self.params = pipe, {}

    def set_params(self, cache_interval=1, cache_branch_id=0, skip_mode="uniform"):
        self.params = {"interval": cache_interval, "branch": cache_branch_id}

    def enable(self, pipe=None):
        acts.note("cache", **self.params)
