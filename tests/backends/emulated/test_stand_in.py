"""The stand-in: the real model in llama.cpp, behind the emulated link, encrypted."""

import threading

import pytest

import labkit
from labkit.backends.emulated.links import Link
from labkit.backends.emulated.stand_in import ORIGIN as TEMPLATE
from labkit.backends.emulated.stand_in import StandIn

from ..loopback import until
from ..measured_again import adding_up, quickest

QUESTION = "Why is the sky blue?"
ORIGIN = TEMPLATE.format("smollm2-135m")
LINK = Link(0.08, bandwidth_bits_per_s=20e6)


@pytest.fixture(scope="module")
def engine(gguf_file):
    pytest.importorskip("xllamacpp")
    engine = labkit.load_llamacpp()
    yield engine
    engine.close()


@pytest.fixture
def stand_in(engine):
    """``stand_in(link)``, one after the other on the same engine."""
    running = []

    def start(link=LINK):
        running.append(StandIn(engine, link, seed=1))
        return running[-1]

    yield start
    for each in running:
        each._relay.close()


def test_the_answer_is_the_models_own(stand_in, engine):
    asked = {"temperature": 0, "max_tokens": 12}
    reply = labkit.generate(stand_in(), QUESTION, **asked)
    here = labkit.generate(engine, QUESTION, **asked)
    assert reply.text == here.text and reply.prompt_tokens == here.prompt_tokens
    assert (reply.output_tokens, reply.chunked, reply.finish) == (12, False, "length")
    assert reply.origin == reply.http.origin == ORIGIN
    assert reply.model == "smollm2-135m (stand-in)" and ORIGIN in repr(reply)
    assert reply.price_usd is None


@pytest.mark.alone
@pytest.mark.parametrize("part", ["connect_s", "tls_s", "wait_s"])
def test_a_link_of_80_ms_is_measured_as_80_ms(stand_in, part):
    """Connection and TLS are a round trip each; so is the wait, as the answer's head comes at once.

    Each on a connection of its own.
    """

    def measure():
        wire = labkit.generate(stand_in(), "Hi", temperature=0, max_tokens=2).http
        assert not wire.reused
        return getattr(wire, part)

    assert quickest(measure, LINK.round_trip_s) == pytest.approx(LINK.round_trip_s, rel=0.1)


@pytest.mark.alone
def test_the_parts_add_up_to_the_whole(stand_in):
    wire = adding_up(lambda: stand_in().stream(QUESTION, max_tokens=16))
    assert len(wire.parts) == 7 and wire.bytes_sent > 300 and wire.bytes_received > 1000


def test_a_connection_that_is_open_saves_two_round_trips(stand_in):
    cloud = stand_in()
    first, second = (labkit.generate(cloud, "Hi", max_tokens=2).http for _ in "12")
    assert not first.reused and second.reused
    assert first.connect_s + first.tls_s >= 2 * LINK.round_trip_s
    assert second.connect_s is second.tls_s is None


def test_a_queue_is_waited_in_by_each_request(stand_in):
    cloud = stand_in(Link(0.0, queue_s=0.4))
    for _ in range(2):
        assert labkit.generate(cloud, "Hi", max_tokens=2).http.wait_s >= 0.4


def test_stopping_stops_the_model(stand_in, engine):
    running = stand_in().stream("Tell me a very long story.", max_tokens=2000, seed=1)
    next(running)
    threading.Timer(0.2, running.close).start()
    assert len(list(running)) < 1900
    free = until(lambda: not engine.ask("/slots")[0]["is_processing"], seconds=10)
    assert free, "llama.cpp still writes for nobody"


def test_it_ends_with_its_context(gguf_file):
    with labkit.stand_in(link="none") as cloud:
        assert "no link at all" in repr(cloud) and cloud.policy is None
        assert labkit.generate(cloud, "Hi", max_tokens=2).finish
    with pytest.raises(labkit.LabError):
        labkit.generate(cloud, "Hi")
    with pytest.raises(ValueError, match="link must be a Link or one of"):
        labkit.stand_in(link="moon")


def test_it_can_be_recorded_and_stays_marked(stand_in, tmp_path):
    file = labkit.record(stand_in(), "Hi", folder=tmp_path, max_tokens=4)
    reply = labkit.generate(labkit.replay(file, speed=4), "Hi")
    assert reply.origin.startswith("recorded, smollm2-135m, 20") and reply.origin.endswith(ORIGIN)


def test_what_llamacpp_does_not_read_is_refused():
    for wrong in (3, object()):
        with pytest.raises(ValueError, match=r"model must come from lab\.load_llamacpp, or be"):
            labkit.stand_in(wrong)
