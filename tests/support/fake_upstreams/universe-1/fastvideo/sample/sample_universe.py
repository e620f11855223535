"""The one function of upstream's script that the worker takes; exceptions are printed and lost, as there."""


def tokenize_lyrics(lyric_tokenizer, lang_segment, text_speech):
    tokens = [261]
    try:
        assert lang_segment.filters
        tokens = [*tokens, *lyric_tokenizer.encode(text_speech, "en"), 2]
    except Exception as error:
        print("tokenize error", error)
    return tokens
