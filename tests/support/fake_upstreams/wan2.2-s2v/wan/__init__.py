from .speech2video import WanS2V as WanS2V
