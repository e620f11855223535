WAN_CONFIGS = {"s2v-14B": {"name": "Config: Wan S2V 14B"}}
