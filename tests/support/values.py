"""Any JSON, made of the words that the wires use: what hits a reader where it is soft."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

_KEYS: Final = """
    type index delta content_block message usage error text thinking signature id name input choices content role
    tool_calls function arguments finish_reason refusal response output item output_index content_index part item_id
    status candidates parts functionCall args finishReason usageMetadata promptFeedback thought thoughtSignature
    reasoning_content reasoning_details annotations logprobs groundingMetadata inlineData messages contents system
    instructions tools tool_choice generationConfig reasoning max_tokens stop tool_use_id tool_call_id call_id
    response_format source image_url url file_data format schema functionDeclarations parameters stream n
"""
_WORDS: Final = """
    message_start content_block_start content_block_delta content_block_stop message_delta message_stop error text
    thinking redacted_thinking tool_use server_tool_use web_search_tool_result text_delta input_json_delta
    signature_delta response.created response.output_item.added response.output_item.done response.completed
    response.output_text.delta response.function_call_arguments.delta response.failed message function_call reasoning
    web_search_call image_generation_call STOP SAFETY MALFORMED_FUNCTION_CALL stop tool_calls end_turn assistant
"""
_keys: Final = st.sampled_from(_KEYS.split())
values: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 3)
    | st.floats()
    | st.just(10**400)
    | st.sampled_from(_WORDS.split())
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=12,
)
objects: Final = st.dictionaries(_keys, values, max_size=5)


def places_in(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a JSON value where another one could stand: what holds it, and where."""
    if not isinstance(value, dict | list):
        return []
    inside = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    return [(value, key) for key, _ in inside] + [place for _, inner in inside for place in places_in(inner)]
