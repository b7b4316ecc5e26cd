"""What a client of Gemini's says, told to OpenAI Chat, and what it is told."""

from __future__ import annotations

import pytest

from cliproxy.errors import BadRequest
from tests.support.pairs import Body, asking, dropped, emulated, streamed, translated
from tests.support.spoken import (
    IMAGE_URL,
    PIXEL,
    USAGE_CHUNK,
    calling,
    chunk,
    parts_of,
    piece_of_call,
    responding,
    thought,
)

G, C = "gemini", "openai-chat"
HI: Body = {"role": "user", "parts": [{"text": "Hi."}]}
ASKED = asking(G, tools=[{"functionDeclarations": [{"name": "f"}]}])


def model(*parts: Body) -> Body:
    return {"role": "model", "parts": [*parts]}


def user(*parts: Body) -> Body:
    return {"role": "user", "parts": [*parts]}


def messages(*contents: Body) -> list[Body]:
    told: list[Body] = translated(G, C, asking(G, contents=[*contents]))["messages"]
    return told


def results(*contents: Body) -> list[tuple[str, str]]:
    """The ids of the calls in their order, with what was told to each."""
    told = messages(*contents)
    ids = [call["id"] for message in told for call in message.get("tool_calls", ())]
    given = {message["tool_call_id"]: message["content"] for message in told if message["role"] == "tool"}
    return [(call_id, given[call_id]) for call_id in ids]


def test_results_of_one_name_belong_to_the_calls_in_their_order() -> None:
    told = results(
        HI,
        model(calling("f"), calling("f")),
        user(responding("f", "1"), responding("f", "2")),
        model(calling("f")),
        user(responding("f", "3")),
    )
    assert [text for _, text in told] == ["1", "2", "3"]
    assert len({call_id for call_id, _ in told}) == 3


def test_ids_on_one_side_alone_do_not_keep_a_result_from_its_call() -> None:
    told = results(
        HI, model(calling("f", "i1"), calling("g")), user(responding("g", "rg", "other"), responding("f", "rf"))
    )
    assert [text for _, text in told] == ["rf", "rg"]
    assert told[0][0] == "i1"


def test_ids_count_for_more_than_the_order() -> None:
    told = results(
        HI,
        model(calling("f", "i1"), calling("f", "i2")),
        user(responding("f", "two", "i2"), responding("f", "one", "i1")),
    )
    assert told == [("i1", "one"), ("i2", "two")]


def test_the_result_of_no_call_is_told_as_text_and_named() -> None:
    body = asking(G, contents=[HI, user(responding("gone", "r")), model({"text": "a"}), HI])
    assert "r" in str(translated(G, C, body)["messages"][1]["content"])
    assert emulated(G, C, body) == {"messages.1"}


@pytest.mark.parametrize(
    ("mime", "kind"),
    [("image/png", "image_url"), ("audio/wav", "input_audio"), ("video/mp4", "video_url"), ("application/pdf", "file")],
)
def test_files_are_told_by_what_they_are(mime: str, kind: str) -> None:
    (message,) = messages(user({"inlineData": {"mimeType": mime, "data": "AAAA"}}))
    assert [part["type"] for part in message["content"]] == [kind]


def test_a_pictures_bytes_are_a_data_url() -> None:
    (message,) = messages(user({"inlineData": {"mimeType": "image/png", "data": PIXEL}}))
    assert message["content"][0]["image_url"]["url"] == IMAGE_URL


def test_foreign_thoughts_are_left_out_and_named() -> None:
    body = asking(G, contents=[HI, model(thought("hm")), model({"text": "a"}), HI])
    assert translated(G, C, body)["messages"][1] == {"role": "assistant", "content": "a"}
    assert dropped(G, C, body) == {"messages.1.thinking"}


@pytest.mark.parametrize(
    ("theirs", "ours", "value"),
    [
        ("temperature", "temperature", 0.3),
        ("topP", "top_p", 0.4),
        ("seed", "seed", 3),
        ("presencePenalty", "presence_penalty", 0.1),
        ("frequencyPenalty", "frequency_penalty", 0.2),
        ("candidateCount", "n", 2),
        ("maxOutputTokens", "max_tokens", 9),
        ("stopSequences", "stop", ["E"]),
        ("responseLogprobs", "logprobs", True),
    ],
)
def test_settings_have_their_counterparts(theirs: str, ours: str, value: object) -> None:
    assert translated(G, C, asking(G, generationConfig={theirs: value}))[ours] == value


def test_more_stop_sequences_than_the_wire_bears_are_watched_for_here() -> None:
    assert "stop" in emulated(G, C, asking(G, generationConfig={"stopSequences": list("abcde")}))


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"generationConfig": {"topK": 5}}, "top_k"),
        ({"safetySettings": [{"category": "x"}]}, "safetySettings"),
        ({"tools": [{"googleSearch": {}}]}, "tools.web_search"),
        ({"generationConfig": {"responseModalities": ["IMAGE"]}}, "generationConfig.responseModalities"),
    ],
)
def test_what_the_wire_has_no_words_for_is_named(fields: Body, named: str) -> None:
    assert named in dropped(G, C, asking(G, **fields))


def test_a_prompt_that_another_vendor_keeps_is_refused_aloud() -> None:
    with pytest.raises(BadRequest, match="cachedContent"):
        translated(G, C, asking(G, cachedContent="cachedContents/1"))


def test_a_call_is_told_whole_with_its_id() -> None:
    stream = [
        piece_of_call(0, '{"a"', id="c9", type="function", name="f"),
        piece_of_call(0, ":1}"),
        chunk({}, "tool_calls"),
    ]
    assert parts_of(streamed(G, C, stream, ASKED)) == [{"functionCall": {"id": "c9", "name": "f", "args": {"a": 1}}}]


def test_a_call_that_is_cut_off_does_not_look_whole() -> None:
    stream = [piece_of_call(0, '{"a"', id="c9", type="function", name="f"), chunk({}, "length")]
    told = streamed(G, C, stream, ASKED)
    assert parts_of(told)[0]["functionCall"]["args"] == {"_raw": '{"a"'}
    assert told[-1]["candidates"][0]["finishReason"] == "MAX_TOKENS"


def test_a_filtered_answer_says_so() -> None:
    told = streamed(G, C, [chunk({"content": "a"}), chunk({}, "content_filter")], ASKED)
    assert told[-1]["candidates"][0]["finishReason"] == "SAFETY"


def test_usage_behind_the_end_is_told_with_the_end() -> None:
    told = streamed(G, C, [chunk({"content": "a"}), chunk({}, "stop"), USAGE_CHUNK], ASKED)
    assert told[-1]["usageMetadata"] == {
        "promptTokenCount": 10,
        "candidatesTokenCount": 3,
        "cachedContentTokenCount": 3,
        "thoughtsTokenCount": 1,
        "totalTokenCount": 14,
    }


def test_reasoning_is_told_as_a_thought() -> None:
    told = streamed(G, C, [chunk({"reasoning_content": "hm"}), chunk({"content": "a"}), chunk({}, "stop")], ASKED)
    assert parts_of(told)[0] == {"thought": True, "text": "hm"}


def test_a_second_finish_does_not_undo_that_tools_are_called() -> None:
    stream = [piece_of_call(0, "{}", id="c9", type="function", name="f"), chunk({}, "tool_calls"), chunk({}, "stop")]
    parts = parts_of(streamed(G, C, stream, ASKED))
    assert [part["functionCall"]["name"] for part in parts] == ["f"]
