"""What characters the bytes of an HTML page are."""

import codecs
import re

_BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_DECLARED = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{2,40})""", re.IGNORECASE)
_LOOKED_AT = 4096  # bytes in which a page declares its characters
_FALLBACK = "windows-1252"  # what browsers take a page for that declares nothing and is not UTF-8
_AS_BROWSERS_DO = {"iso-8859-1", "iso8859-1", "latin-1", "latin1", "ascii", "us-ascii"}  # really windows-1252


def decode_html(content: bytes, declared: str | None = None) -> str:
    """The characters of a page: by its byte order mark, what HTTP declared, what it declares itself, or UTF-8 if it is that.

    Bytes that cannot be what they are said to be become U+FFFD; a page is still readable around them.
    """
    for mark, name in _BOMS.items():
        if content.startswith(mark):
            return content[len(mark) :].decode(name, "replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        pass
    meta = _DECLARED.search(content, 0, _LOOKED_AT)
    for label in (declared, meta and meta[1].decode("ascii", "replace")):
        if label and (codec := _codec(label)):
            return content.decode(codec, "replace")
    return content.decode(_FALLBACK, "replace")


def _codec(name: str) -> str | None:
    if name.lower() in _AS_BROWSERS_DO:
        return _FALLBACK
    try:
        codec = codecs.lookup(name)
    except LookupError:
        return None
    return codec.name if codec._is_text_encoding else None
