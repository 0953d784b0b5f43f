"""Matching of subjects against patterns, as NATS does: `*` is one token, `>` one or more at the end. Pure."""


def matches(pattern: str, subject: str) -> bool:
    """Tell whether `subject` falls under `pattern`."""
    wanted, tokens = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        return len(tokens) >= len(wanted) and _equal(wanted[:-1], tokens)
    return len(tokens) == len(wanted) and _equal(wanted, tokens)


def _equal(wanted: list[str], tokens: list[str]) -> bool:
    return all(want in ("*", token) for want, token in zip(wanted, tokens, strict=False))
