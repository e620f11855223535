"""Tells a server's refusal of a prompt from its faults, by the codes of providers and by what their messages say.

A refusal is an answer of the model: it counts in tables, and its job is given up. So a code counts if it is known as
a whole, and a message if it says that something was declined: one that only speaks of a filter may be about one that
is broken or busy, or about an option of the request.

Codes are those of OpenAI (`moderation_blocked`, `content_policy_violation`), Azure (`content_filter`,
`ResponsibleAIPolicyViolation`), Google (`SAFETY`, `PROHIBITED_CONTENT`, `BLOCKLIST`, `SPII`, `IMAGE_SAFETY`,
`RECITATION`), Alibaba (`DataInspectionFailed`, `IPInfringementSuspect`), BytePlus and Volcengine
(`InputTextSensitiveContentDetected`, `OutputVideoSensitiveContentDetected.PolicyViolation`, `InputImageRiskDetection`),
Vidu (`AuditSubmitIllegal`, `CreationPolicyViolation`), Runway (`SAFETY.INPUT.TEXT`), Black Forest Labs (`Request
Moderated`, `Content Moderated`), fal (`content_policy_violation` in a list), and names that gateways make of these.
"""

from __future__ import annotations

import re
from typing import Any

_CODE = re.compile(
    r"""
      moderation_blocked | blocked_by_(policy|moderation|safety|content_filter)
    | (content|usage|safety|creation|responsible_ai|content_management)_policy_violation | policy_violation
    | (content|safety)_violation | content_filter | (content|request|safety)_(filtered|moderated)
    | (content|prompt|safety)_(blocked|flagged|rejected)
    | (image_|video_)?(safety|prohibited_content|recitation) | blocklist | spii
    | safety_(input|output)(_\w+)?
    | data_inspection_(failed|sensitive) | ip_infringement_suspect
    | ((input|output)_(text|image|video|audio)_)?(sensitive_content_detected|risk_detection)(_\w+)?
    | audit_submit_illegal
    | nsfw | (nsfw|sensitive|unsafe|inappropriate)_(content|content_detected|detected)
    """,
    re.VERBOSE,
)
"""Codes in small letters, their words joined by `_`."""
_BY = r"(by|due to|as a result of|because of|for violating)"
_FILTER = (
    r"(moderation|safety (system|filter|checker|polic|guideline|reason)|"
    r"content[ _-]?(polic|filter|checker|moderation|management polic)|usage polic|community guideline)"
)
_UNFIT = r"(?<![\w-])(nsfw|sensitive|inappropriate|unsafe|prohibited|disallowed|harmful|explicit|high[ -]risk)\b"
_NEAR = r"[^.;:]{0,60}?"
_WORDS = re.compile(
    "|".join(
        (
            rf"\b(blocked|flagged|rejected|declined|refused|filtered|moderated|not (allowed|permitted)) {_BY} "
            rf"{_NEAR}\b{_FILTER}",
            r"\bprompts? (was|were|is|has been) (blocked|flagged|moderated|filtered|prohibited|disallowed)\b",
            rf"\b(flagged|blocked|rejected|detected|considered) {_NEAR}{_UNFIT}",
            rf"\b(contain|contains|include|includes) {_NEAR}{_UNFIT} {_NEAR}(content|information|material|words?)\b",
            rf"{_UNFIT} (content|material) (was |were )?(detected|found)\b",
            r"\bmay contain (a )?real (person|people)\b",
            rf"\bviolat(e|es|ed|ing|ion of) {_NEAR}(polic(y|ies)|guidelines?|guardrails?|responsible ai)\b",
            r"\b(content|usage|safety) policy violation\b",
        )
    ),
    re.IGNORECASE,
)
_BROKEN = re.compile(
    r"\b(un(available|reachable)|time[ds]?[ -]?outs?|out of memory|overloaded|rate[ -]limit\w*|quota|firewall)\b",
    re.IGNORECASE,
)
"""Words of a message about a server that could not do its work."""
_CODE_AT, _WORDS_AT = ("code", "type", "reason"), ("error", "innererror", "message", "detail", "msg")
_LONGEST = 4096
"""Characters of a message that are read: some servers repeat the request in it."""


def is_refusal(said: Any) -> bool:
    """Returns whether an error, as JSON values, declines the prompt: by a code, else by the words of its message."""
    if isinstance(said, str):
        text = said[:_LONGEST]
        return is_code(text) or bool(_WORDS.search(text) and not _BROKEN.search(text))
    if isinstance(said, list):
        return any(map(is_refusal, said))
    if not isinstance(said, dict):
        return False
    codes = (said.get(key) for key in _CODE_AT)
    return any(isinstance(one, str) and is_code(one) for one in codes) or any(
        is_refusal(said.get(key)) for key in _WORDS_AT
    )


def is_code(text: str) -> bool:
    """Returns whether a text is a code of a refusal, however its words are joined: `DataInspectionFailed`, `SAFETY`."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", text[:_LONGEST])
    return bool(_CODE.fullmatch(re.sub(r"[^a-z0-9]+", "_", apart.lower()).strip("_")))
