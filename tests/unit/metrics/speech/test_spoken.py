"""Rates of languages whose letters carry marks, by hand, and what normalising keeps of sentences in many languages."""

import unicodedata

import pytest

from jova_bench.errors import Undefined
from jova_bench.metrics.speech.errors import character_error_rate, transcript_length, word_error_rate, words
from jova_bench.metrics.speech.spoken import spoken
from support.asked import prompt


@pytest.mark.parametrize(
    ("language", "transcript", "heard", "errors"),
    [
        # Marks are letters, composed or not
        ("hi", "दिन", "दान", 1.0),
        ("hi", "दिन और रात।", "दिन और रात", 0.0),
        ("hi", "क़लम", "क\u093cलम", 0.0),  # qa in one code point, and ka with a dot
        ("hi", "क़लम", "कलम", 1.0),  # q is not k
        ("mr", "दऱ्या", "दर\u094d\u200dया", 0.0),  # valleys, as they were typed before Unicode 2.0
        ("mr", "दऱ्या", "दर्या", 1.0),  # sea
        ("ml", "അവൻ", "അവന\u0d4d\u200d", 0.0),  # n without a vowel, likewise
        ("bn", "হঠাৎ", "হঠাত\u09cd\u200d", 0.0),
        ("ta", "தமிழ் மொழி", "தமிழ மொழி", 0.5),  # one of two words without its dot
        ("si", "ශ්\u200dරී ලංකා", "ශ්රී ලංකා", 0.0),  # a joiner of the drawing
        ("yo", "ọ̀rọ̀", "oro", 1.0),
        ("yo", "ọ̀rọ̀", unicodedata.normalize("NFD", "ọ̀rọ̀"), 0.0),
        ("vi", "tiếng Việt", "tie\u0302\u0301ng vie\u0323\u0302t", 0.0),
        ("vi", "tiếng Việt", "tiêng Việt", 0.5),
        ("vi", "hòa thủy quý toàn", "hoà thuỷ quý toàn", 0.0),  # two schools of placing a tone
        ("vi", "mùa", "mua", 1.0),
        ("ko", "한글 사랑", unicodedata.normalize("NFD", "한글 사랑"), 0.0),
        ("fr", "ou\u0300 est-elle", "où est elle", 0.0),
        ("es", "año", "ano", 1.0),
        ("es", "gracias ❤\ufe0f", "gracias", 0.0),  # a sign that follows an emoji is no mark of a letter
        ("cs", "příliš žluťoučký", "prilis zlutoucky", 1.0),
        ("hi-Latn", "din accha hai", "dan accha hai", 1 / 3),
        ("dv", "ދިވެހި", "ދަވެހި", 1.0),
        # Marks that are left out but for beginners
        ("ar", "كَتَبَ الوَلَدُ", "كتب الولد", 0.0),
        ("ar", "كـتـاب", "كتاب", 0.0),
        ("ar", "هٰذا", "هذا", 0.0),
        ("ar", "أحمد", "احمد", 1.0),  # alef with hamza is another letter
        ("ar", "ا\u0654حمد", "أحمد", 0.0),  # of two code points
        ("ar", "ﻛﺘﺎﺏ", "كتاب", 0.0),  # letters as they are drawn in their place
        ("arz", "مُدَرِّس", "مدرس", 0.0),
        ("fa", "خانهٔ", "خانه", 0.0),
        ("fa", "كتاب علي", "کتاب علی", 0.0),  # kaf and yeh of an Arabic keyboard
        ("fa", "می\u200cخواهم", "میخواهم", 0.0),
        ("ur", "یہ کیا ہے؟", "يه کيا هے", 0.0),
        ("he", "שָׁלוֹם עוֹלָם", "שלום עולם", 0.0),
        ("he", "בֵּית־סֵפֶר", "בית ספר", 0.0),  # maqaf stands between words
        ("he", "\ufb2aלום", "שלום", 0.0),
        ("he", "צה״ל", 'צה"ל', 0.0),  # an acronym is a word
        ("he", "ג׳ירפה", "ג'ירפה", 0.0),
        ("yi", "װאָס", "וואָס", 0.0),
        ("yi", "װאָס", "וואס", 1.0),  # points are vowels
        ("ru", "ещё за́мок", "еще замок", 0.0),
        ("ru", "мой", "мои", 1.0),
        ("be", "яшчэ ён", "яшчэ ен", 0.5),  # ё may not be left out
        ("uk", "за́мок їжа", "замок їжа", 0.0),
        ("lt", "rū̃ta", "rūta", 0.0),
        ("lt", "rūta", "ruta", 1.0),
        ("la", "rosā", "rosa", 0.0),
        # Capitals
        ("tr", "İyi günler IŞIK", "iyi günler ışık", 0.0),
        ("tr", "ışık", "işik", 1.0),
        ("az-Latn", "QIZIL İPƏK", "qızıl ipək", 0.0),
        ("de", "nach İzmir", "nach izmir", 0.0),
        ("de", "schöne Grüße", "SCHO\u0308NE GRÜSSE", 0.0),
        ("el", "Ο ΣΟΦΟΣ", "ο σοφος", 0.0),
        ("ka", "ᲡᲐᲥᲐᲠᲗᲕᲔᲚᲝ", "საქართველო", 0.0),
        # Apostrophes
        ("uk", "п'ять м’ята", "пʼять м`ята", 0.0),
        ("uk", "пʼять", "пять", 1.0),
        ("uz", "O‘zbek tog‘i, tog‘", "oʻzbek tog'i togʻ", 0.0),
        ("haw", "ʻāina", "‘āina", 0.0),
        ("sw", "ng’ombe", "ng'ombe", 0.0),
        ("br", "c’hoar", "c'hoar", 0.0),
        ("fr", "L’eau qu'il boit", "l eau qu il boit", 0.0),
        ("fr", "l’eau", "lo", 1.0),  # two words: one is another, one missing
        ("de", "‚So geht’s‘", "so geht's", 0.0),
        # Punctuation, and what is not seen
        ("ar", "كيف حالك؟ نعم، بخير", "كيف حالك نعم بخير", 0.0),
        ("ur", "میں ٹھیک ہوں۔", "میں ٹھیک ہوں", 0.0),
        ("am", "ሰላም፡ለዓለም።", "ሰላም ለዓለም", 0.0),
        ("hy", "Ինչո՞ւ, լա՛վ։", "ինչու լավ", 0.0),  # signs on the vowel of a word, which goes on after them
        ("ca", "col·lecció", "coŀlecció", 0.0),
        ("he", "\u200fשלום\u200e", "שלום", 0.0),
        ("de", "Donau\u00addampfer", "Donaudampfer", 0.0),
        ("ro", "şi ţară", "și țară", 0.0),
        ("de", "¨ ´ Tag ˚", "Tag", 0.0),  # symbols that Unicode takes for a space with a mark
        # Numbers
        ("de", "Ich bin 21.", "ich bin einundzwanzig", 0.0),
        ("fr", "Il a 99 ans", "il a quatre-vingt-dix-neuf ans", 0.0),
        ("fr-CH", "Il a 99 ans", "il a nonante-neuf ans", 0.0),
        ("fr", "1\u202f000 euros", "mille euros", 0.0),
        ("ar", "عندي ٢١ كتاب", "عندي واحد وعشرون كتاب", 0.0),
        ("fa", "۲۱", "21", 0.0),
        ("hi", "२१ लोग", "इक्कीस लोग", 0.0),
        ("uk", "9", "дев’ять", 0.0),
        ("de", "２１", "21", 0.0),
        ("am", "1234567", "1234567", 0.0),  # num2words never ends
        ("sw", "21", "ishirini na moja", 3.0),  # no library knows Swahili: one word is another, two are too many
        ("de", "um 10:30 Uhr", "um zehn 30 Uhr", 0.0),  # punctuation separates numbers as it does words
        ("de", "3,5 km", "drei komma fünf Kilometer", 2 / 3),  # of drei fünf km, one is another and one too many
        ("de", "B2 007", "b zwei null null sieben", 2.5),  # no number: of two words each is another, three too many
        ("tr", "Saat 5'te", "saat beşte", 0.5),  # the apostrophe is one letter of the word
        ("es", "5\ufe0f\u20e3 gatos", "cinco gatos", 0.0),  # a key with its number
    ],
)
def test_word_error_rates_by_hand(language, transcript, heard, errors):
    assert word_error_rate(transcript, heard, language) == pytest.approx(errors)


@pytest.mark.parametrize(
    ("language", "transcript", "heard", "errors"),
    [
        ("hi", "दिन", "दान", 1 / 3),  # da, i, na
        ("ar", "كَتَبَ", "كتب", 0.0),
        ("vi", "Việt", "Viêt", 1 / 4),
        # Languages without spaces; every code point of a syllable counts
        ("th", "กา", "กี", 1 / 2),
        ("th", "น้ำ", "นำ", 1 / 3),  # without its tone, of na, tone and am
        ("th", "น้ำ", "น\u0e4d\u0e49\u0e32", 0.0),  # the ring of am typed before the tone
        ("th", "เเม่", "แม่", 0.0),  # two e for ae
        ("th", "เด็ก ๆ", "เด็กๆ", 0.0),
        ("th", "เด็กๆ", "เด็กเด็ก", 4 / 5),  # read twice, but what is repeated, nobody wrote: one other, three too many
        ("th", "มี ๒ คน", "มีสองคน", 0.0),
        ("lo", "ນ້ຳ", "ນ\u0ecd\u0ec9\u0eb2", 0.0),
        ("km", "ស្រី។", "ស្រី", 0.0),
        ("km", "ស្រី", "ស្រា", 1 / 4),
        ("my", "မြန်မာ", "မြန်မ", 1 / 6),
        ("my", "အိမ်၌", "အိမ်", 1 / 5),  # "in": a word of one sign
        ("my", "ဟုတ်ကဲ့။", "ဟုတ် ကဲ့", 0.0),
        ("bo", "བོད་ཡིག", "བོདཡིག", 0.0),
        ("zh", "你好，世界", "你好世", 1 / 4),
        ("zh-Hans", "２０２１年", "2021年", 0.0),
        ("zh", "约翰·史密斯", "约翰史密斯", 0.0),
        ("ja", "か\u3099くせい", "がくせい", 0.0),
        ("ja", "ｶﾞｸｾｲ", "ガクセイ", 0.0),
        ("ja", "葛\U000e0100飾", "葛飾", 0.0),  # the same letter in another drawing
        ("ko", "한국", "항국", 1 / 2),
    ],
)
def test_character_error_rates_by_hand(language, transcript, heard, errors):
    assert character_error_rate(transcript, heard, language) == pytest.approx(errors)


def test_words_of_languages_without_spaces_are_their_characters():
    for language in ("zh", "th", "lo", "km", "my"):
        with pytest.raises(Undefined, match="see cer"):
            word_error_rate("กา", "กา", language)
    assert words("กา กี", "th") == list("กากี")
    assert transcript_length(prompt("กา กี", language="th"), "spoken_characters") == 4
    assert word_error_rate("nǐ hǎo", "ni hao", "zh-Latn") == 1.0  # Pinyin has spaces, and tones.


def test_english_keeps_the_rules_of_whisper_and_has_one_apostrophe():
    assert spoken("It’s twenty-one, don`t shout", "en") == "it is 21 do not shout"
    assert spoken("[laughs] Um, colour (really)!", "en-GB") == "color"
    assert spoken("na\u00adïve ca\u200dfé", "en") == "naive cafe"


# Sentences of many languages

SENTENCES = {
    "am": "ሰው ሁሉ ነጻ ሆኖ ተወልዷል፤ በክብርም እኩል ነው።",
    "ar": "يولد جميع الناس أحرارا ومتساوين في الكرامة والحقوق، ؤ ئ ء ة ى",
    "az": "Bütün insanlar ləyaqət və hüquqlarına görə azad və bərabər doğulurlar, işıq, İŞIQ",
    "be": "Усе людзі нараджаюцца свабоднымі і роўнымі ў сваёй годнасці",
    "bg": "Всички хора се раждат свободни и равни по достойнство, ѝ",
    "bn": "সমস্ত মানুষ স্বাধীনভাবে সমান মর্যাদা এবং অধিকার নিয়ে জন্মগ্রহণ করে।",
    "cs": "Příliš žluťoučký kůň úpěl ďábelské ódy",
    "da": "Høj bly gom vandt fræk sexquiz på wc, æøå",
    "de": "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich",
    "el": "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία, ο σοφός, ΐ ΰ",
    "es": "El pingüino Wenceslao hizo kilómetros bajo exhaustiva lluvia y frío, añoraba",
    "et": "Põdur Zagrebi tšellomängija-följetonist Ciqo külmetas kehvas garaažis",
    "fa": "تمام افراد بشر آزاد زاده می‌شوند و از لحاظ حیثیت با هم برابرند، پ چ ژ گ",
    "fi": "Törkylempijävongahdus, Åke ja östern",
    "fr": "Voix ambiguë d’un cœur qui au zéphyr préfère les jattes de kiwis, français, où",
    "gu": "પ્રતિષ્ઠા અને અધિકારોની દૃષ્ટિએ સર્વ માનવો જન્મથી સ્વતંત્ર અને સમાન હોય છે.",
    "he": "דג סקרן שט בים מאוכזב ולפתע מצא לו חברה, כל בני האדם",
    "hi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता प्राप्त है, ज़रूर पढ़ो।",
    "hu": "Árvíztűrő tükörfúrógép",
    "hy": "Բոլոր մարդիկ ծնվում են ազատ ու հավասար, և ինչո՞ւ։",
    "is": "Kæmi ný öxi hér, ykist þjófum nú bæði víl og ádrepa",
    "ja": "いろはにほへと、ちりぬるを。ガギグゲゴパピプペポ、東京へ行く。",
    "ka": "ყველა ადამიანი იბადება თავისუფალი და თანასწორი",
    "kk": "Барлық адамдар тумысынан азат және қадір-қасиеті тең, әғқңөұүһі",
    "km": "មនុស្សទាំងអស់កើតមកមានសេរីភាពនិងសមភាព។",
    "kn": "ಎಲ್ಲಾ ಮಾನವರೂ ಸ್ವತಂತ್ರರಾಗಿಯೇ ಜನಿಸಿದ್ದಾರೆ.",
    "ko": "모든 인간은 태어날 때부터 자유로우며, 값 닭 뷁",
    "lo": "ມະນຸດທຸກຄົນເກີດມາມີກຽດສັກສີ ນ້ຳ",
    "lt": "Įlinkdama fechtuotojo špaga sublykčiojusi pragręžė apvalų arbūzą",
    "ml": "മനുഷ്യരെല്ലാവരും തുല്യാവകാശങ്ങളോടും അന്തസ്സോടും ജനിച്ചവരാണ്, അവൻ അവൾ",
    "mr": "सर्व मानवी व्यक्ती जन्मतः स्वतंत्र आहेत, दऱ्या",
    "my": "လူတိုင်းသည် တူညီလွတ်လပ်သော ဂုဏ်သိက္ခာဖြင့် မွေးဖွားလာသူများဖြစ်သည်။",
    "pa": "ਸਾਰਾ ਮਨੁੱਖੀ ਪਰਿਵਾਰ ਆਪਣੀ ਮਹਿਮਾ ਦੇ ਪੱਖੋਂ ਆਜ਼ਾਦ ਹੈ।",
    "pl": "Pchnąć w tę łódź jeża lub ośm skrzyń fig",
    "pt": "Luís argüia à Júlia que brações, fé, chá, óxido, pôr, zângão eram palavras do português",
    "ro": "Muzicologă în bej vând whisky și tequila, preț fix",
    "ru": "Съешь же ещё этих мягких французских булок, да выпей чаю".replace("ё", "е"),
    "si": "සියලු මනුෂ්‍යයෝ නිදහස්ව උපත ලබා ඇත.",
    "sr": "Љубазни фењерџија чађавог лица хоће да ми покаже штос, ђћ",
    "ta": "மனிதப் பிறவியினர் சகலரும் சுதந்திரமாகவே பிறக்கின்றனர்.",
    "te": "ప్రతిపత్తిస్వత్వముల విషయమున మానవులెల్లరును జన్మతః స్వతంత్రులును సమానులును నగుదురు.",
    "th": "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกัน น้ำ เด็กๆ",
    "tr": "Pijamalı hasta yağız şoföre çabucak güvendi, İstanbul, IĞDIR, hâlâ",
    "uk": "Жебракують філософи при ґанку церкви в Гадячі, ще й шатро їхнє п’яне знаємо",
    "ur": "تمام انسان آزاد اور حقوق و عزت کے اعتبار سے برابر پیدا ہوئے ہیں۔",
    "vi": "Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm, ngoằn ngoèo",
    "yi": "יעדער מענטש װערט געבױרן פֿרײַ און גלײַך אין כּבֿוד און רעכט",
    "yo": "Gbogbo ènìyàn ni a bí ní òmìnira; iyì àti ẹ̀tọ́ kọ̀ọ̀kan sì dọ́gba",
    "zh": "人人生而自由，在尊严和权利上一律平等。",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_no_letter_is_lost_and_no_writing_matters(language):
    text = SENTENCES[language]
    normal = spoken(text, language)
    assert spoken(normal, language) == normal
    for form in ("NFC", "NFD"):
        assert spoken(unicodedata.normalize(form, text), language) == normal
    # Capitals of Turkish have a dot where small letters have one.
    upper = text.replace("i", "İ").replace("ı", "I").upper() if language in ("tr", "az") else text.upper()
    assert spoken(upper, language) == normal
    assert _letters(normal) == _letters(text.replace("I", "ı").replace("İ", "i") if language in ("tr", "az") else text)
    # Words are where the spaces and signs of the sentence are.
    assert all(sign == " " or unicodedata.category(sign)[0] in "LM" for sign in normal)


def _letters(text):
    """Returns letters and marks without case, in one form; a Yiddish sign for two letters is two."""
    plain = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
    plain = plain.replace("װ", "וו").replace("ױ", "וי").replace("ײ", "יי")
    return "".join(sign for sign in plain if unicodedata.category(sign)[0] in "LM" and sign != "ʼ")


@pytest.mark.parametrize("language", SENTENCES)
def test_a_word_with_one_letter_less_is_another(language):
    """Each letter and each mark of a sentence counts: without it, some character is wrong."""
    normal = spoken(SENTENCES[language], language)
    for place, sign in enumerate(normal):
        if sign != " ":
            assert character_error_rate(normal, normal[:place] + normal[place + 1 :], language) > 0


def test_any_letter_of_unicode_within_a_word_stays_one_word_in_all_forms():
    for code in (*range(0x00C0, 0x3100), *range(0xA000, 0xABFF), *range(0xF900, 0xFE00), *range(0xFF21, 0xFFDD)):
        letter = chr(code)
        if unicodedata.category(letter)[0] != "L":
            continue
        text = f"a{letter}b"
        normal = spoken(text, "und")
        assert len(normal.split()) == 1 or letter in "ﷺﷻ" or unicodedata.decomposition(letter), letter
        assert spoken(normal, "und") == normal
        assert spoken(unicodedata.normalize("NFD", text), "und") == normal
