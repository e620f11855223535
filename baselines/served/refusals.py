"""Tells a server's refusal of a prompt from its faults, by the codes of providers and by what their messages say.

A refusal is an answer of the model: it counts in tables, and its job is given up. So a code counts if it is known as
a whole, and a message if its first sentence says, from beginning to end, that the prompt or the content was declined
for what it shows: any other may be about a filter that is broken or busy, an option of the request, or an account.

Codes are those of OpenAI (`moderation_blocked`, `content_policy_violation`), Azure (`content_filter`,
`ResponsibleAIPolicyViolation`), Google (`SAFETY`, `PROHIBITED_CONTENT`, `BLOCKLIST`, `SPII`, `IMAGE_SAFETY`,
`RECITATION`; `JAILBREAK`, `MODEL_ARMOR` of its enumeration BlockedReason), Alibaba (`DataInspectionFailed`,
`IPInfringementSuspect`), BytePlus and Volcengine (`InputTextSensitiveContentDetected`,
`OutputVideoSensitiveContentDetected.PolicyViolation`, `InputImageRiskDetection`), Vidu (`AuditSubmitIllegal`,
`CreationPolicyViolation`), Runway (`SAFETY.INPUT.TEXT`), Black Forest Labs (`Request Moderated`, `Content Moderated`),
fal (`content_policy_violation` in a list), Lightricks (docs.ltx.video/errors: `content_filtered_error`), StepFun
(`censorship_blocked`, with 451), Tencent (errors of its SDKs for Hunyuan: `OperationDenied.TextIllegalDetected`), and
names that gateways make of these. LiteLLM puts one before the message (litellm/exceptions.py:
`ContentPolicyViolationError`), OpenRouter into `metadata` (openrouter.ai/docs/api/errors: `error_type`, or the
`flagged_input` and the `reasons`). 451 alone says that a law forbids an answer, as to a country.
"""

from __future__ import annotations

import re
from typing import Any

_CODE = re.compile(
    r"""
      moderation_blocked | blocked_by_(moderation|safety|content_filter)
    | (content|safety|creation|responsible_ai|content_management)_policy_violation(_error)?
    | (content|safety)_violation | content_filter | (content|request|safety)_(filtered|moderated)
    | prompt_(blocked|flagged|rejected) | content_flagged
    | prohibited_content | safety_(input|output)(_\w+)? | public_error_unsafe_generation
    | data_inspection_(failed|sensitive) | ip_infringement_suspect
    | ((input|output)_(text|image|video|audio)_)?(sensitive_content_detected|risk_detection)(_\w+)?
    | audit_submit_illegal | (operation_denied_)?(text|image)_illegal_detected
    | censorship_blocked | content_filtered_error
    | nsfw | (nsfw|sensitive|unsafe|inappropriate)_(content|content_detected|detected)
    """,
    re.VERBOSE,
)
"""Codes in small letters, their words joined by `_`."""
_CAPITALS = re.compile("BLOCKLIST|SPII|JAILBREAK|MODEL_ARMOR|((IMAGE|VIDEO)_)?(SAFETY|PROHIBITED_CONTENT|RECITATION)")
"""Codes of Google, whose words mean other things elsewhere."""
_LITELLM = re.compile(r"([\w.]*(error|exception)(:| -) )*(litellm\.)?ContentPolicyViolationError\b", re.IGNORECASE)
_SHOWN = (
    r"(((the|your|this|all|an?) )?((generated|input|output|submitted|text|image|video) )*"
    r"(prompt|content|data|text|image|video|audio|input( or output)?|output|response|generation)s?)"
)
"""What may be declined, of a prompt or a clip."""
_IS = r"((was|were|is|are|has been|have been) )?"
_FILTER = (
    r"(((our|the|an?|its)( model provider's)? )?(safety (system|filter|checker|policy|guideline)|"
    r"(content )?moderation( system| filter)?|content (policy( violation)?|policie|filter|checker))s?)"
)
_POLICY = (
    r"((our|the|[a-z]+( ai)?'s) )?((content|usage|safety|acceptable use|community|responsible ai) )"
    r"(policy|policies|guidelines|practices|guardrails)"
)
_UNFIT = r"((potentially )?(nsfw|sensitive|inappropriate|unsafe|prohibited|disallowed|harmful|sexual|explicit))"
_SENTENCE = re.compile(
    r"([\w.]*(error|exception)(:| -) )*(the request failed because |veo could not generate videos because )?("
    + "|".join(
        (
            rf"(({_SHOWN}|((the|your|this) )?request) )?{_IS}(rejected|blocked|declined|refused|flagged|"
            rf"filtered|moderated)( out)? (by|due to|because of|as a result of|for violating) {_FILTER}",
            rf"{_SHOWN} ((may|might) )?(contains?|includes?) {_UNFIT} (content|information|material|words?)",
            rf"{_SHOWN} ((may|might) )?contains? (content|text|material) that is not allowed by {_FILTER}",
            rf"{_SHOWN} may contain (a )?real (person|people)",
            rf"({_SHOWN} could not be submitted\. )?{_SHOWN} ((contains? (words|content|text) that )?((may|might) )?"
            rf"(violates?|violated|goes against)|{_IS}flagged as (potentially )?violating) "
            rf"({_POLICY}|our (guidelines|terms of (service|use)))",
            rf"{_SHOWN} {_IS}flagged as (potentially )?{_UNFIT}",
            rf"{_UNFIT} content {_IS}(detected|found)( in (the )?(prompt|input|output)s?)?",
            r"((the|your|this) )?prompt (was|has been) (blocked|flagged|prohibited)",
            r"(content|safety) policy violation",
            # Whole sentences of Azure, OpenAI, Vidu, Google, fal, MiniMax and Kling.
            r"the response was filtered due to the prompt triggering azure openai's content management policy",
            r"this content may violate our guardrails concerning similarity to third-party content",
            r"the request was rejected because it was considered high risk",
            r"all videos were filtered out because they violated google's responsible ai practices",
            r"the content could not be processed because it contained material flagged by a content checker",
            r"(input|output) new_sensitive",
            r"video description involves sensitive content",
            r"failure to pass the risk control system",
        )
    )
    + r")(?=[.!]?\s*$|[.!]\s)",
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
    """Returns whether an error, as JSON values, declines the prompt: by a code, else by its message."""
    if isinstance(said, str):
        text = said[:_LONGEST]
        declined = _LITELLM.match(text.strip()) or _SENTENCE.match(text.strip())
        return is_code(text) or bool(declined and not _BROKEN.search(text))
    if isinstance(said, list):
        return any(map(is_refusal, said))
    if not isinstance(said, dict):
        return False
    codes = (said.get(key) for key in _CODE_AT)
    return (
        any(isinstance(one, str) and is_code(one) for one in codes)
        or any(is_refusal(said.get(key)) for key in _WORDS_AT)
        or _is_flagged(said.get("metadata"))
    )


def _is_flagged(metadata: Any) -> bool:
    """Returns whether OpenRouter's metadata of an error say that the model or a filter declined the prompt."""
    if not isinstance(metadata, dict):
        return False
    kind = metadata.get("error_type")
    flagged = bool(metadata.get("reasons") and metadata.get("flagged_input"))
    return flagged or (isinstance(kind, str) and (kind == "refusal" or is_code(kind)))


def is_code(text: str) -> bool:
    """Returns whether a text is a code of a refusal, however its words are joined: `DataInspectionFailed`, `SAFETY`."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", text[:_LONGEST])
    return bool(_CAPITALS.fullmatch(text) or _CODE.fullmatch(re.sub(r"[^a-z0-9]+", "_", apart.lower()).strip("_")))
