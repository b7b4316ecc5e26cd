"""What a person is shown of the pool, and of one request."""

from __future__ import annotations

from datetime import UTC

import attrs
import pytest

from cliproxy.management.pages import MAX_DETAILS, MAX_SHOWN, explanation_page, status_page
from cliproxy.management.shapes import (
    AffinityTold,
    CandidateTold,
    CooldownTold,
    CredentialTold,
    Explanation,
    QueueTold,
    SessionTold,
    Status,
    StepTold,
    WindowTold,
)

NOW = 1_800_000_000.0
WELL = CredentialTold(
    "claude-me@example.org.json", "claude", "me@example.org", in_flight=1, limit=4, conversations=12, served=1042
)
COOLDOWN = CooldownTold(
    "rate limited",
    "claude-opus-4",
    429,
    "slow down",
    failures=3,
    since=NOW - 130,
    until=NOW + 4000,
    probe_at=NOW + 410,
)
COOLING = CredentialTold("claude-work.json", "claude", state="cooling", cooldowns=(COOLDOWN,))
STATUS = Status("1.2", NOW, "quota-aware", (WELL, COOLING))


def page(*credentials: CredentialTold, everything: bool = False) -> str:
    return status_page(Status("1.2", NOW, "quota-aware", credentials), 80, everything=everything)


def numbered(credential: CredentialTold, count: int) -> list[CredentialTold]:
    return [attrs.evolve(credential, id=f"{credential.state}-{number}") for number in range(count)]


def flat(text: str) -> str:
    """Without the breaks of lines."""
    return " ".join(text.split())


# -- status --------------------------------------------------------------------------------------------------------


def test_the_first_line_counts_the_credentials() -> None:
    assert status_page(STATUS, 80).splitlines()[0] == "cliproxy 1.2, quota-aware. 2 credentials: 1 ready, 1 cooling."


def test_an_empty_pool_is_shown() -> None:
    assert page().splitlines() == [
        "cliproxy 1.2, quota-aware. 0 credentials.",
        "",
        "0 conversations, each where its prompt cache is; 0 moves so far, at the price of",
        "  0 cached tokens. Nobody waits, no probe is under way.",
    ]


def test_credentials_stand_in_columns() -> None:
    assert page(WELL).splitlines()[2:4] == [
        "CREDENTIAL                  PROVIDER  STATE  NOW  TALKS  SERVED  FAILED  LOAD",
        "claude-me@example.org.json  claude    ready  1/4     12   1,042       0     0",
    ]


@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_line_is_longer_than_the_terminal(width: int) -> None:
    long = attrs.evolve(
        COOLING,
        id="claude-" + "x" * 300,
        label="y z" * 200,
        windows=tuple(WindowTold(f"window-{number}", "m" * 60, 0.5, NOW + 60) for number in range(9)),
        cooldowns=(attrs.evolve(COOLDOWN, reason="because " * 100), attrs.evolve(COOLDOWN, model="m" * 200)),
    )
    following = {f"model-{number}": f"credential-{number % 40}" for number in range(900)}
    shown = status_page(attrs.evolve(STATUS, credentials=(WELL, long), next=following), width)
    assert max(map(len, shown.splitlines())) <= width


def test_windows_tell_how_much_is_used_and_when_they_begin_anew() -> None:
    windows = (WindowTold("5h", used=0.43, resets_at=NOW + 7800), WindowTold("7d", "opus", 1.0, NOW - 30))
    assert "5h 43 % (resets in 2 h 10 min), 7d of opus 100 % (has reset 30 s ago)" in flat(
        page(attrs.evolve(WELL, windows=windows))
    )


def test_a_cooldown_is_a_sentence() -> None:
    assert (
        "claude-opus-4: rate limited (429) 2 min 10 s ago, 3 in a row; expected back in 1 h 6 min, one request may"
        " try in 6 min 50 s: “slow down”"
    ) in flat(page(COOLING))


@pytest.mark.parametrize(
    ("cooldown", "told"),
    [
        (CooldownTold("transient", since=NOW - 3, until=NOW + 57), "every model: transient (no answer) 3 s ago;"),
        (CooldownTold("transient", until=NOW), "one request may try now"),
        (CooldownTold("transient", until=NOW + 9, probe_at=NOW - 1), "expected back in 9 s, one request may try now"),
        (CooldownTold("transient", until=NOW + 9, probe_at=NOW + 9), "expected back in 9 s"),
    ],
)
def test_a_cooldown_tells_what_is_ahead(cooldown: CooldownTold, told: str) -> None:
    assert told in flat(page(attrs.evolve(COOLING, cooldowns=(cooldown,))))


def test_a_login_tells_how_long_its_token_lasts() -> None:
    assert "token ends in 42 min" in page(attrs.evolve(WELL, expires_at=NOW + 2520))
    assert "token ended 10 min ago" in page(attrs.evolve(WELL, expires_at=NOW - 600))


def test_a_label_is_shown_where_the_name_does_not_say_it() -> None:
    assert "    Work" in page(attrs.evolve(WELL, label="Work")).splitlines()
    assert "    me@example.org" not in page(WELL).splitlines()


def test_an_upstreams_words_do_not_reach_the_terminal_as_they_are() -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J\nclaude-me ready"
    told = attrs.evolve(
        COOLING,
        id=hostile,
        label=hostile,
        provider=hostile,
        state=hostile,
        windows=(WindowTold(hostile, hostile),),
        cooldowns=(CooldownTold(hostile, hostile, 429, hostile),),
    )
    status = Status(hostile, NOW, hostile, (told,), {hostile: hostile})
    assert status_page(status, 80).replace("\n", "").isprintable()


def test_more_windows_and_cooldowns_than_one_can_read_are_counted() -> None:
    shown = page(
        attrs.evolve(
            COOLING,
            windows=tuple(WindowTold(f"w{number}", resets_at=NOW + 1) for number in range(MAX_DETAILS + 1)),
            cooldowns=(COOLDOWN,) * (MAX_DETAILS + 2),
        )
    )
    assert "and 1 more window" in shown
    assert "and 2 more cooldowns" in shown


def test_those_in_trouble_come_first() -> None:
    states = ["disabled", "ready", "full", "probing", "half-open", "cooling", "needs login"]
    shown = page(*(CredentialTold(f"is-{state.replace(' ', '-')}", state=state) for state in states))
    found = " ".join(line.split()[0] for line in shown.splitlines() if line.startswith("is-"))
    assert found == "is-needs-login is-cooling is-half-open is-probing is-full is-ready is-disabled"


def test_a_credential_that_is_well_but_for_a_model_comes_before_those_that_are_well() -> None:
    part = CredentialTold("part", cooldowns=(COOLDOWN,))
    assert page(WELL, part).index("\npart") < page(WELL, part).index("\nclaude-me")


def test_of_a_large_pool_those_in_trouble_are_shown_and_the_others_counted() -> None:
    pool = [*numbered(WELL, 3990), *numbered(COOLING, 3), *numbered(CredentialTold("", state="disabled"), 7)]
    lines = page(*pool).splitlines()
    assert lines[0] == "cliproxy 1.2, quota-aware. 4,000 credentials: 3,990 ready, 3 cooling, 7 disabled."
    assert [line.split()[0] for line in lines if line.startswith("cooling")] == ["cooling-0", "cooling-1", "cooling-2"]
    assert "Not shown: 3,990 well, 7 disabled. --all shows everything." in lines
    assert len(lines) < 24


def test_of_many_in_trouble_some_are_shown_and_the_others_counted() -> None:
    shown = page(*numbered(COOLING, MAX_SHOWN + 30))
    assert sum(line.startswith("cooling-") for line in shown.splitlines()) == MAX_SHOWN
    assert "Not shown: 30 in trouble." in shown


def test_all_are_shown_to_whoever_asks_for_all() -> None:
    shown = page(*numbered(WELL, 500), everything=True)
    assert sum(line.startswith("ready-") for line in shown.splitlines()) == 500
    assert "Not shown" not in shown


def test_who_is_next_is_told_by_credential() -> None:
    following = {"opus": "claude-me", "gpt-5": "codex", "sonnet": "claude-me"}
    lines = status_page(attrs.evolve(STATUS, next=following), 80).splitlines()
    start = lines.index("Next in turn")
    assert lines[start + 1 : start + 3] == ["    claude-me: opus, sonnet", "    codex: gpt-5"]


def test_of_many_that_are_next_some_are_shown() -> None:
    following = {f"model-{number}": f"credential-{number}" for number in range(MAX_SHOWN + 5)}
    status = attrs.evolve(STATUS, next=following)
    assert "    and 5 more credentials" in status_page(status, 80)
    assert f"credential-{MAX_SHOWN + 4}: " in status_page(status, 80, everything=True)


def test_the_last_lines_tell_what_affinity_cost_and_who_waits() -> None:
    status = attrs.evolve(STATUS, affinity=AffinityTold(12, 3, 120_400), queue=QueueTold(2), probes=1)
    assert flat(status_page(status, 80)).endswith(
        "12 conversations, each where its prompt cache is; 3 moves so far, at the price of 120 k cached tokens."
        " 2 requests in the queue, 1 probe under way."
    )


# -- explain -------------------------------------------------------------------------------------------------------

TAKEN = CandidateTold("a.json", "taken", "claude-opus-4-20250514")
PASSED = CandidateTold("b.json", "cooling", "claude-opus-4-20250514", "429, 4 min more")
STEP = StepTold(NOW, "opus", "a.json", "claude-opus-4-20250514", "its conversation is there", (TAKEN, PASSED), 12)
EXPLANATION = Explanation("req_1", NOW, "opus", "served", SessionTold("a header"), (STEP,))


def told(explanation: Explanation) -> list[str]:
    return explanation_page(explanation, 80, UTC).splitlines()


def test_an_explanation_tells_each_candidate_and_its_fate() -> None:
    assert told(EXPLANATION) == [
        "req_1  2027-01-15 08:00:00  opus",
        "Outcome: served",
        "Conversation: known by a header",
        "",
        "1. 08:00:00.000  opus → a.json as claude-opus-4-20250514: its conversation is",
        "  there",
        "    a.json        taken    claude-opus-4-20250514",
        "    b.json        cooling  claude-opus-4-20250514: 429, 4 min more",
        "    and 12 others",
    ]


def test_a_choice_of_nobody_is_told() -> None:
    assert "1. 08:00:00.000  gpt-5 → nobody: all cool" in told(
        attrs.evolve(EXPLANATION, steps=(StepTold(NOW, "gpt-5", why="all cool"),))
    )


def test_each_choice_has_its_number() -> None:
    lines = told(attrs.evolve(EXPLANATION, steps=(STEP, attrs.evolve(STEP, name="gpt-5"))))
    assert [line[:2] for line in lines if " → " in line] == ["1.", "2."]


def test_a_request_that_never_came_to_a_choice_is_told() -> None:
    assert told(Explanation("req_1", NOW, "opus"))[1:] == [
        "Outcome: under way",
        "Conversation: not known",
        "",
        "Nobody was chosen.",
    ]


def test_a_long_detail_has_a_line_of_its_own() -> None:
    lines = told(
        attrs.evolve(
            EXPLANATION, steps=(attrs.evolve(STEP, candidates=(attrs.evolve(PASSED, detail="because " * 12),)),)
        )
    )
    assert lines[-3].startswith("        because")


def test_an_explanation_fits_the_terminal_and_obeys_nobody() -> None:
    hostile = "\x1b[2J" * 40
    candidate = CandidateTold(hostile, "cooling", "m", hostile)
    step = StepTold(NOW, hostile, hostile, hostile, hostile, (candidate, PASSED))
    lines = told(Explanation("req_1", NOW, "m", hostile, SessionTold(hostile), (step,)))
    assert all(line.isprintable() for line in lines)
    assert max(map(len, lines)) <= 80
