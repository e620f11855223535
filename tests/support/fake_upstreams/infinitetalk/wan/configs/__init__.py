WAN_CONFIGS = {"infinitetalk-14B": {"name": "Config: Wan MultiTalk AI2V 14B"}}
