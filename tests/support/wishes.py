"""What a client can wish for, in its own wire: for each field of the translation table a body that asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cliproxy.conversation.parts import Json
from cliproxy.formats.codec import Field

Body = dict[str, Json]

SEALED: Final = "SEALED"
"""Stands where the client gives back reasoning that the upstream sealed for it."""
THOUGHT: Final = "hm"
"""The reasoning beside it."""
PIXEL: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
PDF: Final = "JVBERi0xLjQ="
WAV: Final = "UklGRiQAAABXQVZF"
URL: Final = "https://example.com/a.png"
SCHEMA: Final[Mapping[str, Json]] = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}


# -- Anthropic


def _messages(*messages: Json, **fields: Json) -> Body:
    asked: Json = {"role": "user", "content": "Hello"}
    return {"model": "m", "max_tokens": 3000, "messages": [asked, *messages], **fields}


def _said(*blocks: Json, role: str = "user") -> Body:
    return _messages({"role": role, "content": list(blocks)})


def _answered(content: Json, **fields: Json) -> Body:
    call: Json = {"type": "tool_use", "id": "toolu_1", "name": "a", "input": {}}
    result: Json = {"type": "tool_result", "tool_use_id": "toolu_1", "content": content, **fields}
    return _messages({"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}, tools=[_A])


_A: Final[Json] = {"name": "a", "input_schema": dict(SCHEMA)}
_IMAGE: Final[Json] = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
_DOCUMENT: Final[Mapping[str, Json]] = {
    "type": "document",
    "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
}

ANTHROPIC: Final[Mapping[Field, Body]] = {
    "system": _messages(system="Be brief."),
    "system in mid-conversation": _messages(
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "And?"}
    ),
    "images by bytes": _said(_IMAGE),
    "images by URL": _said({"type": "image", "source": {"type": "url", "url": URL}}),
    "documents": _said(dict(_DOCUMENT)),
    "thinking of earlier turns": _messages(
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": THOUGHT, "signature": SEALED},
                {"type": "text", "text": "Yes."},
            ],
        },
        {"role": "user", "content": "And?"},
    ),
    "tools": _messages(tools=[_A]),
    "web search": _messages(tools=[{"type": "web_search_20250305", "name": "web_search"}]),
    "tool choice: auto, required, none": _messages(tools=[_A], tool_choice={"type": "any"}),
    "tool choice: one tool": _messages(tools=[_A], tool_choice={"type": "tool", "name": "a"}),
    "parallel tool calls off": _messages(tools=[_A], tool_choice={"type": "auto", "disable_parallel_tool_use": True}),
    "images in tool results": _answered([_IMAGE]),
    "errors of tools": _answered("Alas.", is_error=True),
    "max tokens": _messages(max_tokens=2000),
    "stop sequences": _messages(stop_sequences=["END"]),
    "temperature, top_p": _messages(temperature=0.5),
    "top_k": _messages(top_k=40),
    "thinking: effort": _messages(output_config={"effort": "high"}),
    "thinking: budget": _messages(thinking={"type": "enabled", "budget_tokens": 2048}),
    "thinking: visibility": _messages(thinking={"type": "adaptive", "display": "omitted"}),
    "JSON Schema output": _messages(output_config={"format": {"type": "json_schema", "schema": dict(SCHEMA)}}),
    "cache marks": _said({"type": "text", "text": "And?", "cache_control": {"type": "ephemeral"}}),
    "end user": _messages(metadata={"user_id": "ann"}),
    "service tier": _messages(service_tier="auto"),
    "citations": _said({**_DOCUMENT, "citations": {"enabled": True}}),
}


# -- OpenAI Chat


def _chat(*messages: Json, **fields: Json) -> Body:
    return {"model": "m", "messages": [{"role": "user", "content": "Hello"}, *messages], **fields}


def _chat_said(part: Json) -> Body:
    return _chat({"role": "user", "content": [part]})


_CHAT_A: Final[Json] = {"type": "function", "function": {"name": "a", "parameters": dict(SCHEMA)}}
_CHAT_B: Final[Json] = {"type": "function", "function": {"name": "b", "parameters": dict(SCHEMA)}}
_CHAT_IMAGE: Final[Json] = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
_CHAT_CALL: Final[Json] = {
    "role": "assistant",
    "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "a", "arguments": "{}"}}],
}

OPENAI_CHAT: Final[Mapping[Field, Body]] = {
    "system": {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}],
    },
    "system in mid-conversation": _chat(
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "And?"}
    ),
    "images by bytes": _chat_said(_CHAT_IMAGE),
    "images by URL": _chat_said({"type": "image_url", "image_url": {"url": URL}}),
    "documents": _chat_said({"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}"}}),
    "audio": _chat_said({"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}),
    "thinking of earlier turns": _chat(
        {
            "role": "assistant",
            "content": "Yes.",
            "reasoning_content": THOUGHT,
            "reasoning_details": [{"type": "reasoning.text", "text": THOUGHT, "signature": SEALED}],
        },
        {"role": "user", "content": "And?"},
    ),
    "tools": _chat(tools=[_CHAT_A]),
    "free-form tools": _chat(tools=[{"type": "custom", "custom": {"name": "patch"}}]),
    "web search": _chat(web_search_options={}),
    "tool choice: auto, required, none": _chat(tools=[_CHAT_A], tool_choice="required"),
    "tool choice: one tool": _chat(tools=[_CHAT_A], tool_choice={"type": "function", "function": {"name": "a"}}),
    "tool choice: some tools": _chat(
        tools=[_CHAT_A, _CHAT_B],
        tool_choice={
            "type": "allowed_tools",
            "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "a"}}]},
        },
    ),
    "parallel tool calls off": _chat(tools=[_CHAT_A], parallel_tool_calls=False),
    "images in tool results": _chat(
        _CHAT_CALL, {"role": "tool", "tool_call_id": "call_1", "content": [_CHAT_IMAGE]}, tools=[_CHAT_A]
    ),
    "max tokens": _chat(max_completion_tokens=2000),
    "stop sequences": _chat(stop=["END"]),
    "several choices": _chat(n=2),
    "temperature, top_p": _chat(temperature=1.5),
    "top_k": _chat(top_k=40),
    "seed": _chat(seed=7),
    "penalties": _chat(presence_penalty=0.5),
    "logit bias": _chat(logit_bias={"5": 3}),
    "logprobs": _chat(logprobs=True),
    "thinking: effort": _chat(reasoning_effort="high"),
    "thinking: budget": _chat(reasoning={"max_tokens": 2048}),
    "thinking: visibility": _chat(reasoning={"effort": "high", "exclude": True}),
    "JSON output": _chat(response_format={"type": "json_object"}),
    "JSON Schema output": _chat(
        response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": dict(SCHEMA)}}
    ),
    "verbosity": _chat(verbosity="low"),
    "cache marks": _chat_said({"type": "text", "text": "And?", "cache_control": {"type": "ephemeral"}}),
    "cache key": _chat(prompt_cache_key="k"),
    "end user": _chat(user="ann"),
    "metadata": _chat(metadata={"team": "t"}),
    "service tier": _chat(service_tier="flex"),
    "store": _chat(store=True),
}


# -- OpenAI Responses


def _response(*items: Json, **fields: Json) -> Body:
    return {"model": "m", "input": [{"role": "user", "content": "Hello"}, *items], **fields}


def _response_said(part: Json) -> Body:
    return _response({"role": "user", "content": [part]})


_RESPONSE_A: Final[Json] = {"type": "function", "name": "a", "parameters": dict(SCHEMA)}
_RESPONSE_B: Final[Json] = {"type": "function", "name": "b", "parameters": dict(SCHEMA)}
_RESPONSE_IMAGE: Final[Json] = {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"}
_RESPONSE_CALL: Final[Json] = {"type": "function_call", "call_id": "call_1", "name": "a", "arguments": "{}"}

OPENAI_RESPONSES: Final[Mapping[Field, Body]] = {
    "system": _response(instructions="Be brief."),
    "system in mid-conversation": _response(
        {"role": "developer", "content": "Be brief."}, {"role": "user", "content": "And?"}
    ),
    "images by bytes": _response_said(_RESPONSE_IMAGE),
    "images by URL": _response_said({"type": "input_image", "image_url": URL}),
    "documents": _response_said({"type": "input_file", "file_data": f"data:application/pdf;base64,{PDF}"}),
    "audio": _response_said({"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}),
    "thinking of earlier turns": _response(
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": THOUGHT}],
            "encrypted_content": SEALED,
        },
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Yes."}]},
        {"role": "user", "content": "And?"},
    ),
    "tools": _response(tools=[_RESPONSE_A]),
    "free-form tools": _response(tools=[{"type": "custom", "name": "patch"}]),
    "tool namespaces": _response(tools=[{"type": "namespace", "name": "ns", "tools": [_RESPONSE_A]}]),
    "web search": _response(tools=[{"type": "web_search"}]),
    "tool choice: auto, required, none": _response(tools=[_RESPONSE_A], tool_choice="required"),
    "tool choice: one tool": _response(tools=[_RESPONSE_A], tool_choice={"type": "function", "name": "a"}),
    "tool choice: some tools": _response(
        tools=[_RESPONSE_A, _RESPONSE_B],
        tool_choice={"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "a"}]},
    ),
    "parallel tool calls off": _response(tools=[_RESPONSE_A], parallel_tool_calls=False),
    "images in tool results": _response(
        _RESPONSE_CALL,
        {"type": "function_call_output", "call_id": "call_1", "output": [_RESPONSE_IMAGE]},
        tools=[_RESPONSE_A],
    ),
    "max tokens": _response(max_output_tokens=2000),
    "temperature, top_p": _response(temperature=1.5),
    "logprobs": _response(include=["message.output_text.logprobs"], top_logprobs=2),
    "thinking: effort": _response(reasoning={"effort": "high"}),
    "thinking: visibility": _response(reasoning={"effort": "high", "summary": "auto"}),
    "JSON output": _response(text={"format": {"type": "json_object"}}),
    "JSON Schema output": _response(text={"format": {"type": "json_schema", "name": "a", "schema": dict(SCHEMA)}}),
    "verbosity": _response(text={"verbosity": "low"}),
    "cache marks": _response_said(
        {"type": "input_text", "text": "And?", "prompt_cache_breakpoint": {"mode": "explicit"}}
    ),
    "cache key": _response(prompt_cache_key="k"),
    "end user": _response(safety_identifier="ann"),
    "metadata": _response(metadata={"team": "t"}),
    "service tier": _response(service_tier="flex"),
    "store": _response(store=True),
    "citations": _response(
        {
            "type": "message",
            "role": "assistant",
            "content": [
                {
                    "type": "output_text",
                    "text": "Yes.",
                    "annotations": [
                        {"type": "url_citation", "url": URL, "title": "A", "start_index": 0, "end_index": 4}
                    ],
                }
            ],
        },
        {"role": "user", "content": "And?"},
    ),
}


# -- Gemini


def _generate(*contents: Json, **fields: Json) -> Body:
    return {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}, *contents], **fields}


def _generate_said(*parts: Json) -> Body:
    return {"contents": [{"role": "user", "parts": [{"text": "Hello"}, *parts]}]}


def _configured(**settings: Json) -> Body:
    return _generate(generationConfig=settings)


_GEMINI_TOOLS: Final[Json] = [
    {
        "functionDeclarations": [
            {"name": "a", "parametersJsonSchema": dict(SCHEMA)},
            {"name": "b", "parametersJsonSchema": dict(SCHEMA)},
        ]
    }
]
_GEMINI_CALL: Final[Json] = {"role": "model", "parts": [{"functionCall": {"name": "a", "args": {}}}]}
_BLOB: Final[Json] = {"inlineData": {"mimeType": "image/png", "data": PIXEL}}


def _gemini_choice(**calling: Json) -> Body:
    return _generate(tools=_GEMINI_TOOLS, toolConfig={"functionCallingConfig": calling})


def _gemini_result(response: Json, *parts: Json) -> Body:
    given: dict[str, Json] = {"name": "a", "response": response}
    if parts:
        given["parts"] = list(parts)
    return _generate(_GEMINI_CALL, {"role": "user", "parts": [{"functionResponse": given}]}, tools=_GEMINI_TOOLS)


GEMINI: Final[Mapping[Field, Body]] = {
    "system": _generate(systemInstruction={"parts": [{"text": "Be brief."}]}),
    "images by bytes": _generate_said(_BLOB),
    "images by URL": _generate_said({"fileData": {"mimeType": "image/png", "fileUri": URL}}),
    "documents": _generate_said({"inlineData": {"mimeType": "application/pdf", "data": PDF}}),
    "audio": _generate_said({"inlineData": {"mimeType": "audio/wav", "data": WAV}}),
    "thinking of earlier turns": _generate(
        {"role": "model", "parts": [{"thought": True, "text": THOUGHT, "thoughtSignature": SEALED}, {"text": "Yes."}]},
        {"role": "user", "parts": [{"text": "And?"}]},
    ),
    "tools": _generate(tools=_GEMINI_TOOLS),
    "web search": _generate(tools=[{"googleSearch": {}}]),
    "tool choice: auto, required, none": _gemini_choice(mode="ANY"),
    "tool choice: one tool": _gemini_choice(mode="ANY", allowedFunctionNames=["a"]),
    "tool choice: some tools": _generate(
        tools=[{"functionDeclarations": [{"name": name} for name in ("a", "b", "c")]}],
        toolConfig={"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["a", "b"]}},
    ),
    "images in tool results": _gemini_result({"output": "see"}, _BLOB),
    "errors of tools": _gemini_result({"error": "Alas."}),
    "max tokens": _configured(maxOutputTokens=2000),
    "stop sequences": _configured(stopSequences=["END"]),
    "several choices": _configured(candidateCount=2),
    "temperature, top_p": _configured(temperature=1.5),
    "top_k": _configured(topK=40),
    "seed": _configured(seed=7),
    "penalties": _configured(presencePenalty=0.5),
    "logprobs": _configured(responseLogprobs=True, logprobs=2),
    "thinking: effort": _configured(thinkingConfig={"thinkingLevel": "HIGH"}),
    "thinking: budget": _configured(thinkingConfig={"thinkingBudget": 2048}),
    "thinking: visibility": _configured(thinkingConfig={"thinkingLevel": "HIGH", "includeThoughts": False}),
    "JSON output": _configured(responseMimeType="application/json"),
    "JSON Schema output": _configured(responseMimeType="application/json", responseJsonSchema=dict(SCHEMA)),
    "metadata": _generate(labels={"team": "t"}),
    "service tier": _generate(serviceTier="flex"),
    "store": _generate(store=True),
}

WISHES: Final[Mapping[str, Mapping[Field, Body]]] = MappingProxyType(
    {
        "anthropic": ANTHROPIC,
        "openai-chat": OPENAI_CHAT,
        "openai-responses": OPENAI_RESPONSES,
        "gemini": GEMINI,
    }
)
"""By the client's wire."""
PLAIN: Final[Mapping[str, Body]] = MappingProxyType(
    {"anthropic": _messages(), "openai-chat": _chat(), "openai-responses": _response(), "gemini": _generate()}
)
"""Requests with no wish at all."""
