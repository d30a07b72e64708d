"""A client's first answer takes longer, as it loads what it reads events with: so one is made up.

It is read from memory, by a client of its own, and never sent anywhere.
"""

from functools import cache

OPENAI = (
    'data: {"id":"","object":"chat.completion.chunk","created":0,"model":"","choices":[{"index":0,'
    '"delta":{"content":"a"},"finish_reason":null}]}\n\ndata: [DONE]\n\n'
)
ANTHROPIC = (
    'event: message_start\ndata: {"type":"message_start","message":{"id":"","type":"message",'
    '"role":"assistant","content":[],"model":"","stop_reason":null,"stop_sequence":null,"usage":'
    '{"input_tokens":1,"output_tokens":1}}}\n\n'
    'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":'
    '{"type":"text_delta","text":"a"}}\n\n'
    'event: message_stop\ndata: {"type":"message_stop"}\n\n'
)
ASKED = [{"role": "user", "content": "a"}]
NOWHERE = "http://made-up.invalid/v1"  # as a log would show it; a name that cannot exist


@cache
def warm_openai() -> None:
    """Has the client of openai read an answer, once in this process."""
    import openai

    client = openai.OpenAI(base_url=NOWHERE, api_key="none", http_client=_answering(OPENAI))
    list(client.chat.completions.create(model="none", messages=ASKED, stream=True))


@cache
def warm_anthropic() -> None:
    """Has the client of anthropic read an answer, once in this process."""
    import anthropic

    client = anthropic.Anthropic(
        base_url=NOWHERE, api_key="none", http_client=_answering(ANTHROPIC)
    )
    list(client.messages.create(model="none", messages=ASKED, max_tokens=1, stream=True))


def _answering(events: str):
    import httpx2

    headers = {"content-type": "text/event-stream"}
    return httpx2.Client(
        transport=httpx2.MockTransport(lambda _: httpx2.Response(200, text=events, headers=headers))
    )
