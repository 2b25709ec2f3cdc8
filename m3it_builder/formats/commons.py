"""File names of Wikimedia Commons, which are stored in several spellings."""

from urllib.parse import quote, unquote

_AS_IN_ADDRESSES = "!$'()*,-.:;@_~"  # MediaWiki leaves them as they are


def spellings(name: str) -> tuple[str, ...]:
    """Return a file name as given, then its other spellings: percent-encoded or not.

    Underscores stand for spaces in the addresses of Commons, a plus sign for one in a query.
    """
    plain = unquote(name)
    title = plain.replace("+", " ")
    others = (
        plain,
        quote(plain, safe=_AS_IN_ADDRESSES),
        quote(plain, safe=""),
        plain.replace(" ", "_"),
        plain.replace("_", " "),
        title,
        title.replace(" ", "_"),
    )
    return tuple(dict.fromkeys((name, *others)))
