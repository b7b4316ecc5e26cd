"""Requests: by which words a conversation is known."""

from __future__ import annotations

from cliproxy.conversation.parts import Inline, Media, Text
from cliproxy.conversation.request import Message, Request, Role


def asked(*messages: Message) -> Request:
    return Request(format="anthropic", model="m", messages=messages)


def test_a_conversation_is_known_by_the_users_first_words() -> None:
    first = Message(Role.USER, (Text("hello"),))
    assert asked(first, Message(Role.ASSISTANT, (Text("hi"),))).conversation_seed == "hello"


def test_an_image_before_them_does_not_count() -> None:
    shown = Message(Role.USER, (Media("image", Inline("image/png", "AAAA")), Text("what is this?")))
    assert asked(shown).conversation_seed == "what is this?"


def test_the_operators_words_do_not_count() -> None:
    said = (Message(Role.SYSTEM, (Text("be brief"),)), Message(Role.USER, (Text("hello"),)))
    assert asked(*said).conversation_seed == "hello"


def test_without_words_there_is_no_seed() -> None:
    assert asked().conversation_seed == ""
