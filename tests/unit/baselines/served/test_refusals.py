"""Refusals of prompts, as providers state them, and faults that speak of the same."""

import pytest

from jova_baselines.served.protocol import read_job
from jova_baselines.served.refusals import is_code, is_refusal

CODES = """
    moderation_blocked content_policy_violation ContentPolicyViolationError content_filter ResponsibleAIPolicyViolation
    SAFETY PROHIBITED_CONTENT BLOCKLIST SPII IMAGE_SAFETY IMAGE_PROHIBITED_CONTENT RECITATION
    DataInspectionFailed data_inspection_failed DataInspection.sensitive IPInfringementSuspect
    InputTextSensitiveContentDetected InputImageSensitiveContentDetected.PrivacyInformation
    OutputVideoSensitiveContentDetected OutputVideoSensitiveContentDetected.PolicyViolation
    InputTextRiskDetection OutputImageRiskDetection SensitiveContentDetected
    AuditSubmitIllegal CreationPolicyViolation SAFETY.INPUT.TEXT SAFETY.OUTPUT.VIDEO
    Request-Moderated content_moderated content_filtered nsfw NSFW_CONTENT_DETECTED PUBLIC_ERROR_UNSAFE_GENERATION
    prompt_blocked JAILBREAK MODEL_ARMOR
    censorship_blocked content_filtered_error OperationDenied.TextIllegalDetected OperationDenied.ImageIllegalDetected
"""
FAULTS = """
    case_sensitive_name image_safety_tolerance_out_of_range sensitive_field_missing insensitive invalid_safety_setting
    safety_checker_oom content_filter_error content_filter_unavailable ContentSecurityDetectionError moderation_timeout
    moderation_failed InvalidParameter.DataInspection internal_error INTERNAL.BAD_OUTPUT rate_limit_exceeded 500
    network_policy_violation policy_violation usage_policy_violation
    blocklist safety content_blocked jailbreak model_armor refusal OperationDenied TextLengthIllegal
    censorship_unavailable filtered_error ContentPolicyViolationErrors
    invalid_request_error invalid_size request_blocked blocked
    server_error
"""


@pytest.mark.parametrize("code", CODES.split())
def test_codes_of_refusals_are_known(code):
    assert is_code(code)
    assert is_refusal({"error": {"code": code, "message": "no"}})
    assert is_refusal({"error": {"type": code, "code": 400, "message": "no"}})
    assert read_job({"id": "a", "status": "failed", "error": {"code": code, "message": None}}).status == "refused"


@pytest.mark.parametrize("code", FAULTS.split())
def test_codes_that_only_sound_like_it_are_faults(code):
    said = {"error": {"code": code, "type": code, "message": "CUDA out of memory"}}
    assert not is_refusal(said)
    assert read_job({"id": "a", "status": "failed", **said}).status == "failed"


@pytest.mark.parametrize(
    "message",
    [
        "Your request was rejected as a result of our safety system.",
        "Your request was blocked by our moderation system.",
        "This content may violate our guardrails concerning similarity to third-party content.",
        "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
        "Input data may contain inappropriate content.",
        "The request failed because the output video may contain sensitive information. Request id: 02",
        "The request failed because the input image may contain real person.",
        "The input or output was flagged as sensitive. Please try again with different inputs. (E005)",
        "Your input image may contain content that is not allowed by our safety system",
        "The request was rejected because it was considered high risk",
        "The prompt contains words that violate Google's Responsible AI practices.",
        "The content was flagged by a content checker.",
        "Content blocked by safety filters.",
        "Content policy violation",
        "NSFW content detected in outputs",
        "prompt flagged as NSFW",
        "The prompt was blocked",
        "blocked by our content policy",
        "the prompt was rejected by moderation",
        "PROHIBITED_CONTENT",
        "litellm.BadRequestError: OpenAIException - Your request was rejected by the safety system. See the docs: a, b",
        "The prompt could not be submitted. This prompt contains words that violate Vertex AI's usage guidelines.",
        "Veo could not generate videos because the input image violates Vertex AI's usage guidelines.",
        "All videos were filtered out because they violated Google's Responsible AI practices",
        "Your prompt was flagged as potentially violating our usage policy",
        "The prompt violates our Acceptable Use Policy.",
        "Content violates our terms of service",
        "This prompt goes against our guidelines",
        "Potentially harmful content detected in prompt",
        "The content could not be processed because it contained material flagged by a content checker.",
        "Your generation was blocked due to the model provider's content policies. Credits have been refunded.",
        "Video generation was blocked due to a content policy violation.",
        "litellm.ContentPolicyViolationError: blocked by policy",
        "litellm.BadRequestError: litellm.ContentPolicyViolationError: AzureException - {'error': 'no'}",
        "output new_sensitive",
        "Failure to pass the risk control system",
    ],
)
def test_messages_that_decline_a_prompt_are_refusals(message):
    assert is_refusal({"error": {"code": "generation_failed", "message": message}})
    assert is_refusal({"detail": message})
    assert is_refusal({"error": message})


@pytest.mark.parametrize(
    "message",
    [
        "The moderation service is unavailable, try later",
        "moderation backend timed out",
        "moderation queue is full",
        "the request was rejected because of a timeout of moderation",
        "Rejected by the content filter: it is unavailable",
        "cannot load the safety checker",
        "unknown parameter 'safety_checker'",
        "content_policy field missing",
        "insufficient credits; see content policy",
        "blocked by our firewall",
        "Your prompt was rejected: expected at most 800 characters",
        "the name was rejected as case-sensitive",
        "requests violate the rate limit of our usage policy",
        "expected multiples of 32",
        "CUDA out of memory",
        "Request was rejected because an explicit size is required",
        "Your request violates the naming guidelines: id must be lower case",
        "IP address violates our security policy",
        'pods "wan-0" is forbidden: violates PodSecurity "restricted:latest"',
        "Origin blocked by CORS policy",
        "Detected unsafe pickle in checkpoint model.bin",
        "detected unsafe memory access in kernel",
        "The request includes a prohibited header content-type",
        "Request contains disallowed content type text/plain",
        "The request includes unsafe characters in the word 'size'",
        "The multipart body contains explicit content length",
        "job rejected, GPU node flagged high-risk by the scheduler",
        "Rejected by usage policy of the queue: more than 5 concurrent jobs",
        "Your key is not allowed by usage policy to use model x",
        "not permitted by content policy endpoint: wrong key",
        "Request violates API usage guidelines: seconds must be 4, 8 or 12",
        "Tensor considered unsafe for int8 quantization",
        "header contains sensitive word 'Authorization'",
        "prompt is blocked in queue",
        "prompt has been blocked waiting for a worker",
        "the prompt was moderated at 20 tokens",
        "Prompt was filtered to 77 tokens, then truncated",
        "Failed: detected a sensitive file path in request",
        "Account suspended for violating our policies: pay your bill",
        "Your account has been flagged for high-risk payments",
        "API key was rejected due to safety checks",
        "invalid prompt: 'The robot was flagged as unsafe and blocked' exceeds 20 chars",
        "invalid prompt: 'He left. The prompt was flagged as unsafe. Really' exceeds 20 chars",
        "Unable to allocate: memory region flagged as sensitive",
        "model weights flagged as unsafe by the malware scanner",
        "Request blocked by WAF due to harmful payload",
        "Your request was blocked by Cloudflare for violating our security policy",
        "The output violates the size guidelines",
        "Access blocked by organisation policy: data violates the residency policy",
        "moderation service failed: request rejected by moderation service (502)",
        "request was rejected by content filter service: connection refused",
        "declined by safety checker: internal error",
        "request blocked by safety system: moderation API returned 500",
        "moderation backend could not be reached, request blocked by safety system",
        "blocked by content moderation since the moderation API returned 500",
        "The prompt was blocked for lack of credits",
        "litellm.ContentPolicyViolationError: the moderation API timed out",
        "litellm.BadRequestError: expected no ContentPolicyViolationError",
        "The video generation was blocked due to content policy checks that failed",
        "",
    ],
)
def test_messages_that_speak_of_a_filter_alone_are_faults(message):
    assert not is_refusal({"error": {"code": 500, "message": message}})
    assert not is_refusal({"detail": message})
    assert not is_refusal(message)


def test_refusals_are_found_in_lists_and_within_errors():
    flagged = {"loc": ["body", "prompt"], "msg": "no", "type": "content_policy_violation", "input": "x"}
    assert is_refusal([flagged])
    assert is_refusal({"detail": [{"type": "missing", "msg": "Field required"}, flagged]})
    assert is_refusal({"error": {"code": "BadRequest", "innererror": {"code": "ResponsibleAIPolicyViolation"}}})
    assert not is_refusal({"detail": [{"type": "missing", "msg": "content_policy field missing"}]})
    assert not any(map(is_refusal, (None, {}, [], 4, {"error": None}, {"prompt": "nsfw", "code": {"a": "nsfw"}})))


def test_openrouter_says_in_metadata_what_declined_the_prompt():
    def said(**metadata):
        return {"error": {"code": 403, "message": "Provider returned error", "metadata": metadata}}

    assert is_refusal(said(error_type="content_policy_violation", provider_name="x"))
    assert is_refusal(said(error_type="refusal"))
    assert is_refusal(said(reasons=["violence"], flagged_input="a fight", model_slug="m"))
    for other in ({"error_type": "permission_denied"}, {"reasons": ["key"]}, {"patterns": ["a"]}, {"error_type": 4}):
        assert not is_refusal(said(**other))
    assert not is_refusal({"metadata": "content_policy_violation"})
