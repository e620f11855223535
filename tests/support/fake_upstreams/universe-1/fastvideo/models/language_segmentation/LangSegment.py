"""Named as upstream's."""  # noqa: N999


class LangSegment:
    def __init__(self):
        self.filters = None

    def setfilters(self, filters):
        self.filters = filters
