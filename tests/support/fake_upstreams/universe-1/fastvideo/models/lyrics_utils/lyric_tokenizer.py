DEFAULT_VOCAB_FILE = "vocab.json"


class VoiceBpeTokenizer:
    def __init__(self, vocab_file=DEFAULT_VOCAB_FILE):
        self.vocab_file = vocab_file

    def encode(self, txt, lang):
        if "§" in txt:
            raise KeyError("§")
        return [3 + len(word) for word in txt.split()]
