"""What answers say of limits, in the words that vendors were seen to use."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.web.http_headers import Headers

from cliproxy.quota import Limits, Window
from cliproxy.upstream.headers import HeaderLines
from cliproxy.upstream.hints import MAX_AHEAD_SECONDS
from cliproxy.upstream.limits import MAX_WINDOWS, read_limits

NOW = 1_785_684_988.0
"""2026-08-02, 15:36:28 UTC."""
SOON = 1_785_685_200
WEEK_ENDS = 1_785_736_800
HOUR = 3600.0
FABLE = "claude-fable-5"

UNIFIED = {
    "5h-reset": str(SOON),
    "5h-status": "allowed",
    "5h-utilization": "0.11",
    "7d-reset": str(WEEK_ENDS),
    "7d-status": "allowed_warning",
    "7d-surpassed-threshold": "0.75",
    "7d-utilization": "0.94",
    "fallback-percentage": "0.5",
    "overage-disabled-reason": "org_level_disabled",
    "overage-status": "rejected",
    "representative-claim": "seven_day",
    "reset": str(WEEK_ENDS),
    "status": "allowed",
}
"""Of a Max plan with room in both windows."""


def lines(headers: Mapping[str, str]) -> HeaderLines:
    return HeaderLines((name.lower().encode(), value.encode()) for name, value in headers.items())


def read(
    headers: Mapping[str, str],
    status: int = 200,
    body: object = b"",
    *,
    model: str = "m",
    wire: str = "openai-responses",
) -> Limits:
    told = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_limits(wire, status, lines({"content-type": "x", **headers}), told, model, NOW)


def unified(changes: Mapping[str, str], status: int = 200, model: str = FABLE, **others: str) -> Limits:
    told = {f"anthropic-ratelimit-unified-{name}": value for name, value in (UNIFIED | dict(changes)).items() if value}
    return read(
        told | {name.replace("_", "-"): value for name, value in others.items()}, status, model=model, wire="anthropic"
    )


def codex(headers: Mapping[str, str], status: int = 200, body: object = b"", model: str = "gpt-5.5") -> Limits:
    return read({f"x-codex-{name}": value for name, value in headers.items()}, status, body, model=model)


# -- nothing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 400, 429, 500])
def test_an_answer_that_does_not_speak_of_limits_says_nothing(status: int) -> None:
    assert read({"server": "x", "x-request-id": "1"}, status) == Limits()


def test_headers_of_twisted_are_read_as_well() -> None:
    headers = Headers({"X-RateLimit-Limit-Requests": ["10"]})
    headers.setRawHeaders("X-RateLimit-Remaining-Requests", ["5"])
    headers.setRawHeaders("X-RateLimit-Reset-Requests", ["6s"])
    [window] = read_limits("openai-chat", 200, headers, b"", "m", NOW).windows
    assert window == Window("requests", 0.5, NOW + 6, model="m")


# -- Anthropic's subscriptions ------------------------------------------------------------------------------------


def test_a_subscription_has_a_window_of_hours_and_one_of_days_for_all_models() -> None:
    assert unified({}).windows == (
        Window("5h", 0.11, SOON, 5 * HOUR),
        Window("7d", 0.94, WEEK_ENDS, 168 * HOUR),
    )


def test_what_may_be_bought_on_top_is_no_window() -> None:
    told = unified({"overage-utilization": "1.0", "overage-reset": str(WEEK_ENDS), "fallback-utilization": "0.9"})
    assert [window.name for window in told.windows] == ["5h", "7d"]


@pytest.mark.parametrize("status", [200, 429])
def test_a_rejected_window_is_used_up_whatever_its_share(status: int) -> None:
    assert unified({"5h-status": "rejected", "5h-utilization": "0.3"}, status).windows[0].used == 1


def test_more_than_all_is_all() -> None:
    assert unified({"5h-utilization": "1.04"}).windows[0].used == 1


@pytest.mark.parametrize(
    ("window", "pattern"), [("7d_opus", "*opus*"), ("7d_sonnet", "*sonnet*"), ("7d_haiku", "*haiku*")]
)
def test_a_window_with_a_family_s_name_is_for_that_family(window: str, pattern: str) -> None:
    told = unified({f"{window}-utilization": "0.3", f"{window}-reset": str(WEEK_ENDS)})
    assert told.windows[2] == Window(window, 0.3, WEEK_ENDS, 168 * HOUR, pattern)


def test_the_window_of_included_overage_is_for_the_model_that_was_asked() -> None:
    told = unified({"7d_oi-status": "allowed", "7d_oi-utilization": "-0.0", "7d_oi-reset": str(WEEK_ENDS)})
    assert told.windows[2] == Window("7d_oi", 0.0, WEEK_ENDS, 168 * HOUR, FABLE)


@pytest.mark.parametrize(("window", "reset"), [("5h", SOON), ("7d", WEEK_ENDS)])
def test_a_rejected_window_refuses_the_whole_account_until_its_reset(window: str, reset: int) -> None:
    told = unified({f"{window}-status": "rejected", "status": "rejected"}, 429)
    assert told.whole_account
    assert told.retry_after == reset - NOW


def test_the_last_of_two_rejected_windows_counts() -> None:
    told = unified({"5h-status": "rejected", "7d-status": "rejected"}, 429)
    assert told.retry_after == WEEK_ENDS - NOW


def test_the_floating_reset_of_the_summary_is_not_that_of_the_window_that_was_rejected() -> None:
    told = unified({"5h-status": "rejected", "status": "rejected", "reset": str(WEEK_ENDS)}, 429)
    assert told.retry_after == SOON - NOW


def test_a_refusal_without_a_rejected_window_is_no_matter_of_windows() -> None:
    told = unified({"status": "rejected"}, 429)
    assert (told.retry_after, told.whole_account) == (None, False)


SPENT_OI = {"7d_oi-status": "rejected", "7d_oi-utilization": "1.0", "7d_oi-reset": str(WEEK_ENDS), "status": "rejected"}


def test_a_model_s_own_window_refuses_that_model_alone() -> None:
    told = unified(SPENT_OI, 429, retry_after="51812")
    assert not told.whole_account
    assert told.retry_after == 51812


def test_a_model_s_window_does_not_lengthen_what_refuses_the_account() -> None:
    told = unified(SPENT_OI | {"5h-status": "rejected"}, 429)
    assert told.whole_account
    assert told.retry_after == SOON - NOW


def test_another_family_s_window_refuses_nothing_of_this_model() -> None:
    told = unified({"7d_opus-status": "rejected", "7d_opus-reset": str(WEEK_ENDS)}, 429, "claude-sonnet-5")
    assert (told.retry_after, told.whole_account) == (None, False)


def test_its_own_family_s_window_does() -> None:
    told = unified({"7d_opus-status": "rejected", "7d_opus-reset": str(WEEK_ENDS)}, 429, "claude-opus-5")
    assert (told.retry_after, told.whole_account) == (WEEK_ENDS - NOW, False)


def test_an_answer_that_was_served_refuses_nothing() -> None:
    told = unified({"5h-status": "rejected", "overage-status": "allowed"}, 200)
    assert (told.retry_after, told.whole_account) == (None, False)


@pytest.mark.parametrize("reset", ["", "0", "1785684987", "garbage", "99999999999999999", "nan"])
def test_a_rejected_window_without_a_moment_to_come_refuses_the_account_for_an_unknown_time(reset: str) -> None:
    told = unified({"5h-status": "rejected", "5h-reset": reset}, 429)
    assert told.whole_account
    assert told.retry_after is None
    assert [window.name for window in told.windows] == ["7d"]


@pytest.mark.parametrize("share", ["nan", "-1", "much", "inf", ""])
def test_a_share_that_makes_no_sense_is_no_window(share: str) -> None:
    assert [window.name for window in unified({"5h-utilization": share}).windows] == ["7d"]


@pytest.mark.parametrize(
    ("claim", "name", "pattern", "whole"),
    [
        ("five_hour", "5h", "", True),
        ("seven_day", "7d", "", True),
        ("seven_day_opus", "7d_opus", "*opus*", False),
        ("seven_day_overage_included", "7d_oi", FABLE, False),
    ],
)
def test_a_summary_without_windows_stands_for_the_one_that_it_names(
    claim: str, name: str, pattern: str, whole: bool
) -> None:
    summary = {"status": "rejected", "reset": str(WEEK_ENDS), "representative-claim": claim}
    told = {f"anthropic-ratelimit-unified-{key}": value for key, value in summary.items()}
    limits = read(told, 429, model="claude-opus-5" if "opus" in claim else FABLE, wire="anthropic")
    [window] = limits.windows
    assert (window.name, window.model, window.used) == (name, pattern, 1)
    assert (limits.retry_after, limits.whole_account) == (WEEK_ENDS - NOW, whole)


def test_a_summary_that_names_nothing_known_says_nothing() -> None:
    told = {"anthropic-ratelimit-unified-status": "rejected", "anthropic-ratelimit-unified-reset": str(SOON)}
    assert read(told, 429, wire="anthropic") == Limits()


# -- keys ---------------------------------------------------------------------------------------------------------

ANTHROPIC_KEY = {
    "anthropic-ratelimit-requests-limit": "1000",
    "anthropic-ratelimit-requests-remaining": "999",
    "anthropic-ratelimit-requests-reset": "2026-08-02T15:36:30Z",
    "anthropic-ratelimit-input-tokens-limit": "100000",
    "anthropic-ratelimit-input-tokens-remaining": "0",
    "anthropic-ratelimit-input-tokens-reset": "2026-08-02T15:37:28Z",
    "anthropic-ratelimit-output-tokens-limit": "20000",
    "anthropic-ratelimit-output-tokens-remaining": "20000",
    "anthropic-ratelimit-output-tokens-reset": "2026-08-02T15:36:28Z",
}


def test_the_buckets_of_a_key_are_windows_of_the_model_that_was_asked() -> None:
    windows = {window.name: window for window in read(ANTHROPIC_KEY, wire="anthropic").windows}
    assert windows["requests"].used == pytest.approx(0.001)
    assert windows["input-tokens"] == Window("input-tokens", 1, NOW + 60, model="m")


def test_a_bucket_that_is_full_by_now_is_not_told() -> None:
    assert "output-tokens" not in [window.name for window in read(ANTHROPIC_KEY, wire="anthropic").windows]


def test_retry_after_is_believed_before_the_moment_when_a_bucket_is_full_again() -> None:
    assert read(ANTHROPIC_KEY | {"retry-after": "4"}, 429, wire="anthropic").retry_after == 4


def test_an_empty_bucket_is_waited_for_where_nothing_else_is_said() -> None:
    assert read(ANTHROPIC_KEY, 429, wire="anthropic").retry_after == 60


def test_an_empty_bucket_is_no_matter_of_the_whole_account() -> None:
    assert not read(ANTHROPIC_KEY, 429, wire="anthropic").whole_account


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [("1s", 1), ("6m0s", 360), ("120ms", 0.12), ("17.5", 17.5), (str(SOON), SOON - NOW), (f"{SOON}000", SOON - NOW)],
)
def test_openai_s_buckets_are_read_in_every_spelling_of_their_reset(reset: str, seconds: float) -> None:
    told = read(
        {"x-ratelimit-limit-tokens": "200", "x-ratelimit-remaining-tokens": "50", "x-ratelimit-reset-tokens": reset}
    )
    [window] = told.windows
    assert (window.name, window.used, window.model) == ("tokens", 0.75, "m")
    assert window.resets_at - NOW == pytest.approx(seconds, abs=1e-3)


@pytest.mark.parametrize("kind", ["requests-day", "tokens-minute", "project-tokens", "tokens_usage_based"])
def test_a_bucket_keeps_the_name_that_its_vendor_gave_it(kind: str) -> None:
    told = {f"x-ratelimit-{field}-{kind}": "10" for field in ("limit", "remaining", "reset")}
    assert [window.name for window in read(told, wire="openai-chat").windows] == [kind]


def test_a_bucket_without_a_name_is_of_requests() -> None:
    told = read({"x-ratelimit-limit": "10", "x-ratelimit-remaining": "1", "x-ratelimit-reset": "9"}, wire="openai-chat")
    assert [window.name for window in told.windows] == ["requests"]


@pytest.mark.parametrize(
    ("limit", "remaining", "reset"),
    [("0", "0", "1s"), ("10", "-1", "1s"), ("x", "1", "1s"), ("10", "", "1s"), ("10", "5", "soon"), ("10", "5", "0s")],
)
def test_a_bucket_that_makes_no_sense_is_not_told(limit: str, remaining: str, reset: str) -> None:
    told = {
        "x-ratelimit-limit-requests": limit,
        "x-ratelimit-remaining-requests": remaining,
        "x-ratelimit-reset-requests": reset,
    }
    assert read(told, 429) == Limits()


def test_more_left_than_there_is_is_nothing_used() -> None:
    told = {"x-ratelimit-limit-a": "5", "x-ratelimit-remaining-a": "9", "x-ratelimit-reset-a": "1s"}
    assert read(told).windows[0].used == 0


def test_an_answer_fills_no_table() -> None:
    told = {f"x-ratelimit-{field}-{kind}": "9" for kind in range(200) for field in ("limit", "remaining", "reset")}
    assert len(read(told).windows) == MAX_WINDOWS


def test_what_a_gateway_passes_on_of_another_vendor_is_no_limit_of_the_account() -> None:
    told = {"anthropic-ratelimit-unified-5h-status": "rejected", "anthropic-ratelimit-unified-5h-reset": str(SOON)}
    assert read(told, 429, wire="openai-chat") == Limits()


# -- Codex --------------------------------------------------------------------------------------------------------

CODEX = {
    "active-limit": "premium",
    "plan-type": "plus",
    "primary-used-percent": "42",
    "primary-window-minutes": "300",
    "primary-reset-after-seconds": "212",
    "primary-reset-at": str(SOON),
    "secondary-used-percent": "80.5",
    "secondary-window-minutes": "10080",
    "secondary-reset-after-seconds": "51812",
    "secondary-reset-at": str(WEEK_ENDS),
    "primary-over-secondary-limit-percent": "0",
    "credits-has-credits": "False",
    "credits-balance": "",
}


def test_a_chatgpt_account_has_two_windows_for_all_models() -> None:
    assert codex(CODEX).windows == (
        Window("primary", 0.42, SOON, 5 * HOUR),
        Window("secondary", 0.805, WEEK_ENDS, 168 * HOUR),
    )


def test_without_a_moment_the_span_counts() -> None:
    assert codex(CODEX | {"primary-reset-at": ""}).windows[0].resets_at == NOW + 212


def test_a_window_that_the_plan_does_not_have_is_not_told() -> None:
    free = CODEX | {"secondary-used-percent": "0", "secondary-window-minutes": "0", "secondary-reset-at": ""}
    assert [window.name for window in codex(free).windows] == ["primary"]


def test_a_model_with_limits_of_its_own_has_windows_of_its_own() -> None:
    spark = {
        "bengalfox-limit-name": "GPT-5.3-Codex-Spark",
        "bengalfox-primary-used-percent": "12",
        "bengalfox-primary-window-minutes": "300",
        "bengalfox-primary-reset-at": str(SOON),
    }
    assert codex(CODEX | spark).windows[2] == Window("bengalfox-primary", 0.12, SOON, 5 * HOUR, "gpt-5.3-codex-spark")


def test_limits_of_a_model_that_is_not_named_are_not_told() -> None:
    assert len(codex(CODEX | {"x-primary-used-percent": "12", "x-primary-reset-at": str(SOON)}).windows) == 2


def test_a_spent_window_refuses_the_account_however_short_retry_after_is() -> None:
    told = read(
        {**{f"x-codex-{k}": v for k, v in CODEX.items()}, "x-codex-primary-used-percent": "100", "retry-after": "30"},
        429,
    )
    assert told.whole_account
    assert told.retry_after == SOON - NOW


def test_a_model_s_spent_window_leaves_the_other_models_served() -> None:
    spark = {
        "bengalfox-limit-name": "GPT-5.3-Codex-Spark",
        "bengalfox-primary-used-percent": "100",
        "bengalfox-primary-reset-at": str(SOON),
    }
    body = {"error": {"type": "usage_limit_reached", "message": "The usage limit has been reached"}}
    told = codex(CODEX | spark, 429, body, "gpt-5.3-codex-spark")
    assert (told.retry_after, told.whole_account) == (SOON - NOW, False)


def usage_limit(**fields: object) -> dict[str, object]:
    return {"error": {"type": "usage_limit_reached", "message": "The usage limit has been reached", **fields}}


def test_the_usage_limit_is_the_whole_account_s() -> None:
    assert codex({}, 429, usage_limit(plan_type="free", resets_at=SOON, resets_in_seconds=212)) == Limits(
        retry_after=SOON - NOW, whole_account=True
    )


def test_the_later_of_the_body_s_two_moments_counts() -> None:
    assert codex({}, 429, usage_limit(resets_at=SOON, resets_in_seconds=9000)).retry_after == 9000


@pytest.mark.parametrize("moment", [1_700_000_000, 0, -5, None, "soon", 10**30, [1], {"a": 1}, True])
def test_a_stale_or_senseless_moment_is_no_hint(moment: object) -> None:
    told = codex({}, 429, usage_limit(resets_at=moment, resets_in_seconds=moment if moment != 1_700_000_000 else None))
    assert (told.retry_after, told.whole_account) == (None, True)


def test_an_account_without_money_is_refused_as_a_whole() -> None:
    body = {
        "error": {
            "message": "You exceeded your current quota",
            "type": "insufficient_quota",
            "code": "insufficient_quota",
        }
    }
    assert read({}, 429, body).whole_account


# -- Google -------------------------------------------------------------------------------------------------------


def google(*details: object, message: str = "You exceeded your current quota") -> dict[str, object]:
    return {"error": {"code": 429, "message": message, "status": "RESOURCE_EXHAUSTED", "details": list(details)}}


def violation(quota: str) -> dict[str, object]:
    told = {"quotaId": quota, "quotaDimensions": {"model": "another-name", "location": "global"}, "quotaValue": "20"}
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [told]}


def retry_info(delay: str) -> dict[str, object]:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


def gemini(body: object, status: int = 429) -> Limits:
    return read({}, status, body, model="gemini-3.7-flash", wire="gemini")


EIGHT_O_CLOCK = 1_785_744_000.0
"""UTC, on the next day: no day of Google's ends later."""


def test_google_s_retry_delay_is_a_hint_for_the_model() -> None:
    assert gemini(google(retry_info("34.5s"))) == Limits(retry_after=34.5)


def test_an_error_in_a_list_is_read_as_well() -> None:
    assert gemini([google(retry_info("34s"))]).retry_after == 34


def test_an_overloaded_model_s_retry_delay_is_read_as_well() -> None:
    assert gemini(google(retry_info("5s")), 503).retry_after == 5


def test_a_spent_day_outlasts_the_retry_delay_beside_it() -> None:
    quota = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
    told = gemini(google(violation(quota), retry_info("31s")))
    assert told.windows == (Window(quota, 1, EIGHT_O_CLOCK, 24 * HOUR, "gemini-3.7-flash"),)
    assert (told.retry_after, told.whole_account) == (EIGHT_O_CLOCK - NOW, False)


def test_a_spent_minute_is_over_with_the_retry_delay() -> None:
    told = gemini(google(violation("GenerateRequestsPerMinutePerProjectPerModel-FreeTier"), retry_info("31s")))
    assert told == Limits(retry_after=31.0)


def test_a_quota_of_the_project_is_the_whole_account_s() -> None:
    assert gemini(google(violation("GenerateRequestsPerDayPerProject"))).whole_account


def test_code_assist_tells_the_moment_in_its_metadata() -> None:
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "QUOTA_EXHAUSTED",
        "metadata": {"quotaResetDelay": "1h0m0.5s", "quotaResetTimeStamp": "2026-08-02T16:36:28Z"},
    }
    assert gemini(google(info)).retry_after == pytest.approx(3600.5, abs=1e-3)


@pytest.mark.parametrize(
    "violations",
    [None, 3, "x", [3, None, {}], [{"quotaId": 3}], [{"quotaId": "PerDay\x1b[31m"}], [{"quotaId": "PerDay" * 99}]],
)
def test_violations_that_make_no_sense_are_not_told(violations: object) -> None:
    assert gemini(google({"violations": violations})) == Limits()


# -- when to ask again --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503, 529, 500, 408])
def test_retry_after_is_believed_of_every_error(status: int) -> None:
    assert read({"retry-after": "12"}, status).retry_after == 12


def test_retry_after_may_be_a_date() -> None:
    assert read({"retry-after": "Sun, 02 Aug 2026 15:37:28 GMT"}, 429).retry_after == 60


def test_retry_after_in_milliseconds_is_read() -> None:
    assert read({"retry-after-ms": "1500"}, 429).retry_after == 1.5


def test_of_several_hints_the_latest_counts() -> None:
    assert (
        read({"retry-after": "12", "retry-after-ms": "1500"}, 429, {"error": {"resets_in_seconds": 5}}).retry_after
        == 12
    )


def test_thirty_days_are_a_hint_as_any_other() -> None:
    assert read({"retry-after": "2592000"}, 429).retry_after == 2_592_000


@pytest.mark.parametrize(
    "value", ["0", "-1", "soon", "nan", "inf", "99999999999", "Mon, 02 Aug 99999 15:37:28 GMT", ""]
)
def test_a_hint_that_makes_no_sense_is_none(value: str) -> None:
    assert read({"retry-after": value, "retry-after-ms": value}, 429) == Limits()


def test_a_served_answer_gives_no_hint() -> None:
    assert read({"retry-after": "12"}, 200) == Limits()


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Rate limit reached for gpt-4: Limit 10000, Used 8554. Please try again in 9.816s. Visit https://x", 9.816),
        ("Please try again in 6m0s.", 360),
        ("Please retry in 45.578569677s.", 45.578569677),
        ("Please try again in 120ms.", 0.12),
        ("Please retry after 86400 seconds.", 86400),
        ("Individual quota reached. Resets in 9h22m20s.", 33740),
    ],
)
def test_a_message_is_read_where_nothing_else_says_when(message: str, seconds: float) -> None:
    assert read({}, 429, {"error": {"message": message}}).retry_after == pytest.approx(seconds, abs=1e-3)


@pytest.mark.parametrize(
    "message", ["try again in 5 minutes", "try again in a while", "retry after 0 seconds", "again in s"]
)
def test_a_message_that_says_it_otherwise_is_not_guessed_at(message: str) -> None:
    assert read({}, 429, {"error": {"message": message}}).retry_after is None


def test_a_field_is_believed_before_the_message() -> None:
    body = {"error": {"message": "try again in 9s", "resets_in_seconds": 3}}
    assert read({}, 429, body).retry_after == 3


def test_openrouter_tells_its_headers_in_the_body() -> None:
    headers = {"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": f"{WEEK_ENDS}000"}
    body = {"error": {"message": "Rate limit exceeded", "code": 429, "metadata": {"headers": headers}}}
    told = read({}, 429, body, wire="openai-chat")
    assert told == Limits((Window("requests", 1, WEEK_ENDS, model="m"),), WEEK_ENDS - NOW)


# -- garbage ------------------------------------------------------------------------------------------------------

VALUES = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["rejected", "nan", "-1", "0", "1e309", "9" * 50, "2026-08-02T15:36:30Z", str(SOON), "five_hour"]),
)
NAMES = st.sampled_from(
    [
        *(
            f"anthropic-ratelimit-unified-{name}"
            for name in (*UNIFIED, "7d_oi-status", "7d_-status", "-status", "999d-status")
        ),
        *ANTHROPIC_KEY,
        *(f"x-codex-{name}" for name in (*CODEX, "a-primary-used-percent", "a-limit-name", "-used-percent")),
        "x-codex-used-percent",
        "anthropic-ratelimit-",
        "x-ratelimit-",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "retry-after",
        "retry-after-ms",
    ]
)
FIELDS = [
    *("error", "type", "code", "message", "details", "violations", "quotaId", "retryDelay", "metadata", "headers"),
    *("resets_at", "resets_in_seconds", "x-ratelimit-limit"),
]
INNER = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | VALUES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(FIELDS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(
    st.sampled_from(["anthropic", "openai-responses", "gemini"]),
    st.sampled_from([200, 400, 429, 503]),
    st.dictionaries(NAMES, VALUES, max_size=12),
    st.one_of(st.binary(max_size=40), INNER.map(lambda shape: json.dumps(shape).encode())),
)
def test_whatever_is_said_no_limit_is_out_of_bounds(
    wire: str, status: int, headers: dict[str, str], body: bytes
) -> None:
    told = read_limits(wire, status, lines(headers), body if status >= 400 else b"", "m", NOW)
    assert told.retry_after is None or 0 < told.retry_after <= MAX_AHEAD_SECONDS
    for window in told.windows:
        assert 0 <= window.used <= 1
        assert NOW < window.resets_at <= NOW + MAX_AHEAD_SECONDS
        assert 0 <= window.seconds < float("inf")
