"""The table of verdicts, by answers that vendors and gateways really give, and by those that only look like them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.routing.verdicts import (
    BLOCKED,
    CHALLENGED,
    FORBIDDEN,
    LOGGED_OUT,
    NO_ANSWER,
    NO_SUCH_MODEL,
    NOT_FROM_HERE,
    RATE_LIMITED,
    TOO_LARGE,
    TRANSIENT,
    UNAUTHORIZED,
    UNPAID,
    Verdict,
    judge,
    judge_reported,
)


def anthropic(kind: str, message: str) -> bytes:
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}).encode()


def openai(message: str, kind: str = "invalid_request_error", code: object = None, param: str | None = None) -> bytes:
    return json.dumps({"error": {"message": message, "type": kind, "param": param, "code": code}}).encode()


def google(code: int, status: str, message: str, reason: str = "") -> bytes:
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}
    error = {"code": code, "message": message, "status": status, "details": [info] if reason else []}
    return json.dumps({"error": error}).encode()


def plain(**fields: object) -> bytes:
    return json.dumps(fields).encode()


# -- by the status alone ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (401, UNAUTHORIZED),
        (402, UNPAID),
        (403, FORBIDDEN),
        (429, RATE_LIMITED),
        (408, TRANSIENT),
        (500, TRANSIENT),
        (502, TRANSIENT),
        (503, TRANSIENT),
        (504, TRANSIENT),
        (529, TRANSIENT),
        (599, TRANSIENT),
        (301, TRANSIENT),
        (307, TRANSIENT),
        (NO_ANSWER, TRANSIENT),
    ],
)
def test_trouble_is_known_by_its_status(status: int, verdict: Verdict) -> None:
    assert judge(status) is verdict


@pytest.mark.parametrize("status", [100, 200, 201, 204, 299, 400, 404, 405, 409, 413, 415, 422, 418, 499, 600, 999])
def test_success_and_the_client_s_mistakes_say_nothing_of_the_credential(status: int) -> None:
    assert judge(status) is None


# -- by what the body tells ---------------------------------------------------------------------------------------

NO_MODEL_BODIES = {
    "anthropic": (404, anthropic("not_found_error", "model: claude-nope-9")),
    "openai": (
        404,
        openai("The model `gpt-9` does not exist or you do not have access to it.", code="model_not_found"),
    ),
    "openai without a code": (404, openai("The model `gpt-9` does not exist or you do not have access to it.")),
    "openai, of a project": (
        403,
        openai("Project `proj_1` does not have access to model `gpt-9`", code="model_not_found"),
    ),
    "openai, of the other path": (
        404,
        openai("This model is only supported in v1/responses and not in v1/chat/completions.", param="model"),
    ),
    "openai, of a path that it has no chat on": (
        404,
        openai("This is not a chat model and thus not supported in the v1/chat/completions endpoint."),
    ),
    "gemini": (
        404,
        google(
            404,
            "NOT_FOUND",
            "models/gemini-9 is not found for API version v1beta, or is not supported for generateContent. "
            "Call ListModels to see the list of available models and their supported methods.",
        ),
    ),
    "vertex": (
        404,
        google(
            404,
            "NOT_FOUND",
            "Publisher Model `projects/p/locations/global/publishers/google/models/gemini-9` was not found or your "
            "project does not have access to it.",
        ),
    ),
    "gemini, streamed": (404, b"[" + google(404, "NOT_FOUND", "models/g is not found for API version v1beta") + b"]"),
    "codex": (
        400,
        plain(detail="The 'gpt-5.1-codex' model is not supported when using Codex with a ChatGPT account."),
    ),
    "codex, in an envelope": (
        400,
        plain(
            type="error",
            status=400,
            error={
                "type": "invalid_request_error",
                "message": "The 'gpt-5' model is not supported when using Codex with a ChatGPT account.",
            },
        ),
    ),
    "copilot": (400, openai("The requested model is not supported.", code="model_not_supported", param="model")),
    "litellm": (400, openai("400: {'error': 'Invalid model name passed in model=Lite-GPT-12'}", "None", 400)),
    "litellm's newer": (
        400,
        openai("/chat/completions: Invalid model name passed in model=x. Call `/v1/models` to view", "None", "400"),
    ),
    "ollama": (404, plain(error="model 'phi3' not found")),
    "ollama's older": (404, plain(error="model 'phi3' not found, try pulling it first")),
    "ollama's openai path": (404, openai('model "phi3" not found, try pulling it first', "api_error")),
    "vllm": (404, plain(object="error", message="The model `x/y-7B` does not exist.", type="NotFoundError", code=404)),
    "openrouter": (404, openai("No endpoints found for meta/llama-9.", "", 404)),
    "openrouter, no such name": (400, openai("meta/llama-9 is not a valid model ID", "", 400)),
    "mistral": (400, plain(object="error", message="Invalid model: mistral-9", type="invalid_model", code="1500")),
    "deepseek": (400, openai("Model Not Exist", code="invalid_request_error")),
    "moonshot": (404, openai("Not found the model kimi-9 or Permission denied", "resource_not_found_error")),
    "groq": (400, openai("The model `llama-2` has been decommissioned", code="model_decommissioned")),
    "azure": (404, plain(error={"code": "DeploymentNotFound", "message": "The API deployment does not exist."})),
    "xai": (404, plain(code="x", error="The model grok-9 does not exist or your team t does not have access to it.")),
    "zhipu": (400, plain(error={"code": "1211", "message": "Unknown Model, please check the model code."})),
    "no json": (404, b"model x not found"),
    "for this account": (422, openai("The model `m-1` is not available for your account")),
    "a gateway's quotation": (
        404,
        openai(google(404, "NOT_FOUND", "models/g-9 is not found for API version v1beta").decode()),
    ),
}


@pytest.mark.parametrize(("status", "body"), NO_MODEL_BODIES.values(), ids=NO_MODEL_BODIES)
def test_a_model_that_is_not_there_is_told_from_other_refusals(status: int, body: bytes) -> None:
    assert judge(status, body) is NO_SUCH_MODEL


CLIENT_BODIES = {
    "anthropic's bad request": (400, anthropic("invalid_request_error", "messages: at least one message is required")),
    "anthropic's path": (404, anthropic("not_found_error", "Not Found")),
    "anthropic, too large": (413, anthropic("request_too_large", "Request exceeds the maximum size")),
    "openai's path": (404, openai("Invalid URL (POST /v1/model/responses)")),
    "fastapi's path": (404, plain(detail="Not Found")),
    "a path with model in it": (404, plain(error="/v1/model/x not found")),
    "nginx's path": (
        404,
        b"<html><head><title>404 Not Found</title></head><body>no model here, not found</body></html>",
    ),
    "google's path": (404, b"<!DOCTYPE html><p>The requested URL /v1beta/models/g:x was not found on this server."),
    "a response that is gone": (
        404,
        openai("Previous response with id 'resp_1' not found for model x.", code="previous_response_not_found"),
    ),
    "items that were not kept": (
        404,
        openai(
            "Item with id 'rs_1' not found. Items are not persisted when `store` is set to false. Try again with "
            "`store` set to true, or remove this item from your input."
        ),
    ),
    "a file that is gone": (404, openai("No such File object: file-1", param="id", code="not_found")),
    "google's entity": (404, google(404, "NOT_FOUND", "Requested entity was not found.")),
    "features of no endpoint": (404, openai("No endpoints found that support image input", "", 404)),
    "a parameter of the model": (
        400,
        openai("Unsupported parameter: 'max_tokens' is not supported with this model.", code="unsupported_parameter"),
    ),
    "a value of the model": (
        400,
        openai("Unsupported value: 'xhigh' is not supported with the 'gpt-5' model.", code="unsupported_value"),
    ),
    "an effort of the model": (400, openai("reasoning effort 'minimal' is not supported by model gpt-9")),
    "a tool of the model": (400, openai("The model `gpt-9` does not support tool web_search.")),
    "an operation of the model": (400, openai("The model `gpt-9` is not supported for function calling")),
    "thinking of the model": (400, google(400, "INVALID_ARGUMENT", "Thinking is not enabled for models/gemini-9")),
    "the context window": (
        400,
        openai("This model's maximum context length is 128000 tokens.", code="context_length_exceeded"),
    ),
    "the context window, with an odd status": (
        500,
        openai("This model's maximum context length is 8192 tokens.", "server_error", "context_length_exceeded"),
    ),
    "the context window, by words": (503, anthropic("api_error", "prompt is too long: 210000 tokens > 200000 maximum")),
    "a policy": (403, openai("This content was flagged for possible risk.", code="cyber_policy")),
    "moderation": (403, openai("Your chosen model requires moderation and your input was flagged", "", 403)),
    "xai's policy": (403, plain(code="x", error="Content violates usage guidelines. Failed check: SAFETY_CHECK")),
    "a gateway's bad request": (500, openai("field messages is required", "invalid_request_error")),
    "a field that is missing": (422, plain(detail=[{"type": "missing", "loc": ["body", "model"], "msg": "required"}])),
    "the request, repeated": (
        422,
        plain(detail=[{"type": "x", "msg": "bad", "input": {"type": "invalid_grant", "message": "unknown model"}}]),
    ),
    "a feature that is switched off": (
        400,
        anthropic("invalid_request_error", "Your organization has disabled search"),
    ),
}


@pytest.mark.parametrize(("status", "body"), CLIENT_BODIES.values(), ids=CLIENT_BODIES)
def test_what_the_client_can_mend_costs_no_credential(status: int, body: bytes) -> None:
    assert judge(status, body) is None


UNPAID_BODIES = {
    "anthropic": (
        400,
        anthropic("invalid_request_error", "Your credit balance is too low to access the Anthropic API. Please go to"),
    ),
    "anthropic's 402": (402, anthropic("billing_error", "Payment is required.")),
    "openai": (
        429,
        openai(
            "You exceeded your current quota, please check your plan and billing details.",
            "insufficient_quota",
            "insufficient_quota",
        ),
    ),
    "openai's hard limit": (400, openai("Billing hard limit has been reached", code="billing_hard_limit_reached")),
    "codex without a plan": (429, plain(error={"type": "usage_not_included", "message": "Not in your plan"})),
    "deepseek": (402, openai("Insufficient Balance", "unknown_error", "invalid_request_error")),
    "moonshot": (429, openai("Your account is suspended, check your plan", "exceeded_current_quota_error")),
    "zhipu": (429, plain(error={"code": "1113", "message": "Insufficient balance or no resource package."})),
    "xai": (403, plain(code="x", error="Your team t has either used all available credits or reached its limit.")),
    "gemini, prepaid": (429, google(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted.")),
    "openrouter": (402, openai("This request requires more credits, or fewer max_tokens.", "", 402)),
    "litellm's budget": (400, openai("Budget has been exceeded! Current cost: 2", "budget_exceeded", "400")),
    "a gateway's quotation": (
        429,
        openai("litellm.RateLimitError: Error code: 429 - {'error': {'code': 'insufficient_quota'}}", "x", "429"),
    ),
}


@pytest.mark.parametrize(("status", "body"), UNPAID_BODIES.values(), ids=UNPAID_BODIES)
def test_an_account_without_money_is_unpaid_whatever_the_status(status: int, body: bytes) -> None:
    assert judge(status, body) is UNPAID


RATE_LIMITED_BODIES = {
    "anthropic": anthropic("rate_limit_error", "This request would exceed your account's rate limit."),
    "anthropic, by a gateway": openai(
        "This request would exceed the rate limit for your organization of 20,000 input tokens per minute.",
        "invalid_request_error",
        "rate_limit_error",
    ),
    "openai": openai("Rate limit reached for gpt-4 on tokens per min (TPM).", "tokens", "rate_limit_exceeded"),
    "codex": plain(error={"type": "usage_limit_reached", "message": "The usage limit has been reached"}),
    "gemini, which speaks of plan and billing": google(
        429, "RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing details."
    ),
    "bedrock": plain(message="Too many tokens, please wait before trying again."),
    "no json": b"error code: 1015",
}


@pytest.mark.parametrize("body", RATE_LIMITED_BODIES.values(), ids=RATE_LIMITED_BODIES)
def test_a_rate_limit_is_not_taken_for_anything_worse(body: bytes) -> None:
    assert judge(429, body) is RATE_LIMITED


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (
            429,
            openai(
                "Request too large for gpt-4o in organization org-1 on tokens per min (TPM): Limit 30000, Requested "
                "30601. The input or output tokens must be reduced in order to run successfully.",
                "tokens",
                "rate_limit_exceeded",
            ),
        ),
        (429, openai("litellm.RateLimitError: OpenAIException - Request too large for gpt-5 on tokens per min", "x")),
        (429, anthropic("rate_limit_error", "Extra usage is required for long context requests.")),
        (400, anthropic("invalid_request_error", "The long context beta is not yet available for this subscription.")),
    ],
)
def test_a_request_that_no_waiting_makes_smaller_cools_nobody(status: int, body: bytes) -> None:
    verdict = judge(status, body)
    assert verdict is TOO_LARGE
    assert verdict.seconds(9) == 0


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, plain(error="invalid_grant", error_description="Token has been expired or revoked.")),
        (401, plain(error={"type": "invalid_grant", "message": "Refresh token not found or invalid"})),
    ],
)
def test_a_grant_that_is_gone_needs_a_login(status: int, body: bytes) -> None:
    assert judge(status, body) is LOGGED_OUT


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, google(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", "API_KEY_INVALID")),
        (400, google(400, "INVALID_ARGUMENT", "API Key not found. Please pass a valid API key.")),
        (400, plain(code="x", error="Incorrect API key provided: xa***1. You can obtain an API key from")),
        (401, openai("Incorrect API key provided: sk-1", code="invalid_api_key")),
        (401, anthropic("authentication_error", "invalid x-api-key")),
        (403, anthropic("permission_error", "OAuth token has been revoked. Please obtain a new token.")),
    ],
)
def test_a_key_that_is_wrong_is_known_whatever_the_status(status: int, body: bytes) -> None:
    assert judge(status, body) is UNAUTHORIZED


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, anthropic("invalid_request_error", "This organization has been disabled.")),
        (403, anthropic("permission_error", "OAuth authentication is currently not allowed for this organization.")),
        (
            401,
            openai("The OpenAI account associated with this API key has been deactivated", code="account_deactivated"),
        ),
        (403, google(403, "PERMISSION_DENIED", "Permission denied: Consumer 'api_key:A' has been suspended.")),
        (403, google(403, "PERMISSION_DENIED", "Generative Language API has not been used", "SERVICE_DISABLED")),
        (403, google(403, "PERMISSION_DENIED", "Your API key was reported as leaked. Please use another API key.")),
        (403, google(403, "PERMISSION_DENIED", "Your project has been denied access. Please contact support.")),
        (403, google(403, "PERMISSION_DENIED", "Verify your account to continue.", "VALIDATION_REQUIRED")),
        (403, openai("Your account has been temporarily blocked", "forbidden")),
    ],
)
def test_an_account_that_is_blocked_serves_no_model(status: int, body: bytes) -> None:
    verdict = judge(status, body)
    assert verdict is BLOCKED
    assert verdict.whole


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, google(400, "FAILED_PRECONDITION", "User location is not supported for the API use.")),
        (403, openai("Country, region, or territory not supported", "request_forbidden")),
        (403, openai("no", "request_forbidden", "unsupported_country_region_territory")),
    ],
)
def test_a_country_that_is_not_served_is_no_mistake_of_the_client(status: int, body: bytes) -> None:
    assert judge(status, body) is NOT_FROM_HERE


@pytest.mark.parametrize(
    "body",
    [
        google(403, "PERMISSION_DENIED", "Permission 'aiplatform.endpoints.predict' denied on resource '//x'"),
        anthropic("permission_error", "Your API key does not have permission to use the specified resource"),
        b"<html>Forbidden by the proxy of the house; no account has been suspended</html>",
    ],
)
def test_a_refusal_that_names_nothing_is_of_the_model_alone(body: bytes) -> None:
    verdict = judge(403, body)
    assert verdict is FORBIDDEN
    assert not verdict.whole


CHALLENGE = b"""<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title></head><body>
<noscript>Enable JavaScript and cookies to continue</noscript>
<script>(function(){window._cf_chl_opt={cvId:'3'};var a=document.createElement('script');
a.src='/cdn-cgi/challenge-platform/h/b/orchestrate/chl_page/v1?ray=1'}());</script></body></html>"""


@pytest.mark.parametrize("status", [403, 429, 503])
def test_a_page_that_challenges_browsers_cools_ten_seconds_at_first(status: int) -> None:
    verdict = judge(status, CHALLENGE)
    assert verdict is CHALLENGED
    assert verdict.seconds(1) == 10


def test_a_page_without_a_challenge_is_judged_by_its_status() -> None:
    assert judge(503, b"<html><h1>503 Service Temporarily Unavailable</h1></html>") is TRANSIENT


def test_an_error_that_quotes_a_challenge_is_none() -> None:
    assert judge(403, openai("a page with cf_chl and challenge-platform in it", "x")) is FORBIDDEN


@pytest.mark.parametrize("code", ["model_not_found", "insufficient_quota", "invalid_grant", "account_deactivated"])
def test_an_overloaded_gateway_is_no_verdict_of_the_model_or_the_account(code: str) -> None:
    assert (
        judge(503, openai("No available channel for model x under group default", "new_api_error", code)) is TRANSIENT
    )


# -- told inside a stream -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "message", "verdict"),
    [
        (529, "Overloaded", TRANSIENT),
        (429, "The usage limit has been reached", RATE_LIMITED),
        (429, "Error code: 429 - insufficient_quota", UNPAID),
        (400, "Your credit balance is too low to access the Anthropic API.", UNPAID),
        (404, "model: claude-nope-9", NO_SUCH_MODEL),
        (400, "messages: at least one message is required", None),
        (500, "prompt is too long: 210000 tokens > 200000 maximum", None),
        (401, "invalid x-api-key", UNAUTHORIZED),
        (NO_ANSWER, "", TRANSIENT),
    ],
)
def test_an_error_in_a_stream_is_judged_by_the_same_table(status: int, message: str, verdict: Verdict | None) -> None:
    assert judge_reported(status, message) is verdict


# -- hostile and broken bodies ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b"null",
        b'{"error": {"type": ["a"], "code": {"x": 1}, "message": 3, "status": null}}',
        b'{"error": [[[[[[{"message": []}]]]]]]}',
        b'{"message": "{\\"message\\": \\"{\\\\\\"message\\\\\\": 1}\\"}"}',
        b"model " * 200_000,
        b"a_" * 100_000,
    ],
)
def test_a_body_that_makes_no_sense_leaves_the_verdict_to_the_status(body: bytes) -> None:
    assert judge(429, body) is RATE_LIMITED


def test_what_stands_far_behind_in_a_long_text_is_not_looked_for() -> None:
    assert judge(429, b" " * 100_000 + b"insufficient_quota") is RATE_LIMITED


@given(st.integers(-1, 700), st.binary(max_size=200))
def test_no_body_raises(status: int, body: bytes) -> None:
    judge(status, body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["error", "type", "code", "message", "detail", "x"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(st.sampled_from([400, 404, 429, 503]), JSON)
def test_no_shape_raises(status: int, shape: object) -> None:
    judge(status, json.dumps(shape).encode())


# -- how long -----------------------------------------------------------------------------------------------------


def test_a_rate_limit_doubles_from_a_second_to_half_an_hour() -> None:
    assert [RATE_LIMITED.seconds(failures) for failures in (1, 2, 3, 11, 12, 13)] == [1, 2, 4, 1024, 1800, 1800]


@pytest.mark.parametrize(
    ("verdict", "seconds"),
    [
        (UNAUTHORIZED, 1800),
        (LOGGED_OUT, 1800),
        (UNPAID, 1800),
        (BLOCKED, 1800),
        (NOT_FROM_HERE, 1800),
        (FORBIDDEN, 1800),
        (NO_SUCH_MODEL, 12 * 3600),
        (TRANSIENT, 60),
    ],
)
def test_what_no_waiting_mends_cools_as_long_every_time(verdict: Verdict, seconds: float) -> None:
    assert verdict.seconds(1) == verdict.seconds(5) == seconds


@given(st.sampled_from([RATE_LIMITED, CHALLENGED, TRANSIENT]), st.integers(0, 10**9))
def test_a_cooldown_is_never_shorter_than_the_one_before_nor_out_of_bounds(verdict: Verdict, failures: int) -> None:
    assert verdict.first <= verdict.seconds(failures) <= verdict.seconds(failures + 1) <= verdict.most


@pytest.mark.parametrize("verdict", [UNAUTHORIZED, LOGGED_OUT, UNPAID, BLOCKED, NOT_FROM_HERE, CHALLENGED])
def test_what_concerns_the_account_concerns_every_model(verdict: Verdict) -> None:
    assert verdict.whole


def test_passing_trouble_alone_is_soft() -> None:
    assert TRANSIENT.soft
    assert not any(verdict.soft for verdict in (RATE_LIMITED, CHALLENGED, FORBIDDEN, NO_SUCH_MODEL))


@pytest.mark.parametrize("status", [NO_ANSWER, 408, 429, 500, 502, 503, 504, 520, 529])
def test_another_round_may_go_better(status: int) -> None:
    verdict = judge(status)
    assert verdict is not None
    assert verdict.passes


@pytest.mark.parametrize(("status", "body"), [(401, b""), (402, b""), (403, b""), (404, b"model not found")])
def test_another_round_is_in_vain(status: int, body: bytes) -> None:
    verdict = judge(status, body)
    assert verdict is not None
    assert not verdict.passes


@pytest.mark.parametrize("body", [b"insufficient_quota", b"Request too large for gpt-5.5"])
def test_a_429_that_no_waiting_mends_is_not_worth_another_round(body: bytes) -> None:
    verdict = judge(429, body)
    assert verdict is not None
    assert not verdict.passes
