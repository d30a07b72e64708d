"""A client's first answer takes longer, as it loads what it reads events with: so one is made up.

It is read from memory, by a client of its own, and never sent anywhere.
"""

import httpx2

ASKED = {"messages": [{"role": "user", "content": "a"}], "max_tokens": 1}
NOWHERE = "http://made-up.invalid/v1"  # as a log would show it; a name that cannot exist
_warm: set[type] = set()


def warm_up(protocol) -> None:
    """Has the client of a `Protocol` read its ``sample``, once in this process."""
    if type(protocol) in _warm:
        return
    _warm.add(type(protocol))
    headers = {"content-type": "text/event-stream"}
    answer = httpx2.Response(200, text=protocol.sample, headers=headers)
    mock = httpx2.MockTransport(lambda _: answer)
    http = httpx2.Client(transport=mock, trust_env=False)
    with protocol.send(protocol.connect(http, NOWHERE, "none"), ASKED) as (_, events):
        list(events)
