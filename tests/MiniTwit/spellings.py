"""Ways to write "casino" so that a reader reads it and a program that compares letters does not."""

SPELLINGS = {
    "upper case": "CASINO",
    "zero-width space": "ca\u200bsino",
    "zero-width joiner": "c\u200dasi\u200cno",
    "soft hyphen": "cas\u00adino",
    "word joiner and byte order mark": "ca\u2060sin\ufeffo",
    "full-width": "ｃａｓｉｎｏ",
    "mathematical bold": "𝐜𝐚𝐬𝐢𝐧𝐨",
    "Cyrillic look-alikes": "саѕіnо",
    "Greek capitals": "CΑSΙΝΟ",
    "struck through": "c̶a̶s̶i̶n̶o̶",
    "a heap of marks": "c\u0301\u0327\u0336\u0353a\u0301\u0316\u0353sin\u030d\u0316\u0353\u0301o",
    "variation selectors": "c\ufe0fas\ufe0eino\ufe0f",
    "tag characters": "cas\U000e0069\U000e007fino",
    "circled letters": "ⓒⓐⓢⓘⓝⓞ",
    "negative circles": "🅒🅐🅢🅘🅝🅞",
    "parentheses": "⒞⒜⒮⒤⒩⒪",
    "small capitals": "ᴄᴀꜱɪɴᴏ",
    "superscript": "ᶜᵃˢⁱⁿᵒ",
    "a zero": "casin0",
}
# Words of a language that differ in a letter are different words.
OTHER_WORDS = ["casína", "cåsino", "cæsino", "casinø", "kasino", "cas1no", "caslno"]
