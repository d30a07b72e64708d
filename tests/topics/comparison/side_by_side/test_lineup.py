"""Who takes part: with no key, with one, beside a server that runs here, with a recording."""

import gc
from dataclasses import replace
from itertools import pairwise

import pytest

import labkit
from labkit.backends import recorded
from labkit.backends.cloud.providers import PROVIDERS
from labkit.backends.emulated.links import Link
from labkit.backends.emulated.stand_in import StandIn
from labkit.backends.remote.discovery import Server
from labkit.topics.comparison.side_by_side import lineup, link_comparison
from labkit.topics.comparison.side_by_side.time_split import network_s


@pytest.fixture
def no_keys(monkeypatch, tmp_path):
    for provider in PROVIDERS.values():
        for name in (*provider.key_names, *provider.address_names):
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(recorded, "RECORDINGS", tmp_path)
    monkeypatch.setattr(lineup, "recordings", lambda: recorded.recordings(tmp_path))
    monkeypatch.setattr(lineup, "servers", tuple)


def test_with_no_key_the_stand_in_is_compared_and_marked_everywhere(no_keys, local):
    found = labkit.comparison.line_up(local, link="none")
    try:
        assert list(found) == [local.name, found.remote.name]
        assert "stand-in" in found.remote.name and "No provider key" in repr(found)
        assert list(found.pair.values()) == [local, found.remote] and list(found.pair) == list(
            found
        )
        side = labkit.compare("Why is the sky blue?", found, temperature=0, max_tokens=6)
        assert side.errors == (None, None) and side.texts[0] == side.texts[1]
        assert side.computed_here == (True, True) and len(side.shared) == 2
        origin = side.origins[1]
        assert origin.startswith("stand-in")
        for text in (labkit.plot(side, kind="answers").html, repr(side), side.summary):
            assert origin in text
        assert "stand-in" in labkit.plot(side).layout.yaxis.categoryarray[1]
        assert "stand-in" in labkit.plot(side, kind="arrivals").data[1].name
    finally:
        found.close()


def test_a_cell_that_runs_again_loads_nothing_twice_and_what_is_not_used_is_closed(
    no_keys, local, monkeypatch
):
    monkeypatch.setattr(lineup, "load_llamacpp", local.load_again)
    monkeypatch.setattr(lineup, "has_torch", lambda: True)
    first = labkit.comparison.line_up(link="none")
    again = labkit.comparison.line_up(link="none")
    assert again.local is first.local and again.remote is first.remote
    first.remote.close()
    closed = labkit.comparison.line_up(link="none")
    assert closed.local is first.local and closed.remote is not first.remote
    assert labkit.generate(closed.remote, "Hi", max_tokens=2).steps
    relay, engine = closed.remote._relay, closed.local
    del first, again, closed
    gc.collect()
    relay._thread.join(60)
    assert not relay._thread.is_alive()
    engine.close()
    other = labkit.comparison.line_up(link="none")
    assert other.local is not engine and other.remote._relay is not relay
    other.close()
    other.local.close()


@pytest.mark.parametrize("kind", ["llama.cpp", "transformers"])
def test_a_stand_in_has_the_weights_that_it_is_compared_with_or_names_its_own(
    no_keys, smollm2, tmp_path, kind
):
    """Its label names the model that computes, whatever the local one is."""
    local, name = smollm2, "smollm2-135m"
    if kind == "llama.cpp":
        name = "another-0.5b"
        (file := tmp_path / f"{name}.gguf").symlink_to(smollm2.gguf_file)
        local = labkit.load_llamacpp(file, threads=1)
    found = labkit.comparison.line_up(local, link="none")
    served, same = found.remote._engine.gguf_file, kind == "llama.cpp"
    found.close()
    assert (served == local.gguf_file) or not same
    assert found.remote.name == f"{name} (stand-in)"
    assert found.remote.origin.startswith(f"stand-in: {name} on this machine")
    assert ("the same weights" if same else "another model") in repr(found)


@pytest.mark.alone
def test_the_parts_of_a_real_link_add_up(no_keys, local):
    found = labkit.comparison.line_up(local, link="LTE")
    try:
        side = labkit.compare("Hello", {"remote": found.remote}, max_tokens=4, temperature=0)
        reply, parts = side.replies[0], side.parts[0]
        assert [part.name for part in parts][:3] == ["name lookup", "connection", "TLS"]
        assert sum(part.seconds for part in parts) == pytest.approx(reply.elapsed_s, rel=0.02)
        assert all(before.end_s == after.begin_s for before, after in pairwise(parts))
    finally:
        found.close()


def test_a_key_replaces_the_stand_in_and_is_never_shown(no_keys, local, monkeypatch):
    monkeypatch.setenv("MISTRAL_API_KEY", "planted-key-4711")
    found = labkit.comparison.line_up(local)
    assert found.remote.kind == "Mistral" and found.remote.budget is found.budget
    assert "key found" in repr(found) and "planted" not in repr(found)
    assert found.budget.spent_usd == 0


def test_a_server_that_runs_here_takes_part(no_keys, local, llama_process, monkeypatch):
    _, server = llama_process
    address = server.base_url.removesuffix("/v1")
    running = Server("llama.cpp", address, ("smollm2",))
    monkeypatch.setattr(lineup, "servers", lambda: (running,))
    found = labkit.comparison.line_up(local, link="none")
    try:
        assert "Server on this machine" in repr(found) and len(found) == 3
        side = labkit.compare("Hello", found, max_tokens=3, sequential=True)
        assert side.errors == (None, None, None)
    finally:
        found.close()


def test_a_recording_takes_part_where_it_answers_the_prompt(no_keys, local, tmp_path):
    labkit.record(local, "Hello", name="kept", folder=tmp_path, max_tokens=3)
    (tmp_path / "damaged.json").write_text("{")
    found = labkit.comparison.line_up(local, prompt="Hello", link="none")
    found.close()
    assert "Recording" in repr(found)
    name = next(name for name in found if "recorded" in name)
    side = labkit.compare("Hello", {name: found[name]})
    assert side.origins[0].startswith("recorded") and side.computed_here == (False,)
    assert "recorded" in labkit.plot(side).layout.yaxis.categoryarray[0]
    other = labkit.comparison.line_up(local, prompt="Another", link="none")
    other.close()
    assert not any("recorded" in name for name in other)


@pytest.mark.slow
def test_over_links_the_text_is_the_same_and_only_the_route_differs(local):
    side = labkit.comparison.compare_links(
        local, "Why is the sky blue?", links=("none", "satellite"), max_tokens=6, repeats=2
    )
    here, loopback, none, satellite = side.replies
    assert side.errors == (None,) * 4 and len(set(side.texts)) == 1 and side.sequential
    assert here.http is None and loopback.http.tls_s is None and none.http.tls_s > 0
    # Three times there and back: the connection, TLS, the request.
    assert network_s(satellite) >= 3 * 0.556
    assert satellite.http.connect_s >= 0.556 and satellite.http.tls_s >= 0.556
    assert side.names[3].startswith("satellite: 556 ms") and side.noise
    assert [len(each.values) for each in side.first_s] == [2] * 4
    assert side.first_s[3].low >= 3 * 0.556, "every round has its own connection"
    assert all(
        reply.ttft_s == times.low for reply, times in zip(side.replies, side.first_s, strict=True)
    )
    assert "the middle one of 2 rounds" in labkit.plot(side).layout.title.text
    assert "middle one of 2 rounds" in side.summary
    assert labkit.generate(local, "Hi", max_tokens=2).steps  # the model was lent, not closed


def test_each_route_is_a_column_and_a_stop_between_routes_keeps_the_rounds(local, monkeypatch):
    own, rounds = Link(0.0), []

    def stop_in_the_second(*given):
        rounds.append(given)
        if len(rounds) == 2:
            raise KeyboardInterrupt
        return real(*given)

    real = link_comparison._round
    monkeypatch.setattr(link_comparison, "_round", stop_in_the_second)
    links = iter([own, own, "none", "none"])
    side = labkit.comparison.compare_links(local, "Hi", links=links, max_tokens=2)
    label = link_comparison._label(own)
    assert side.names[2:] == (label, f"{label} (2)", "none: 0 ms", "none: 0 ms (2)")
    assert side.errors == (None,) * 6 and len(rounds) == 2
    assert [len(each.values) for each in side.first_s] == [1] * 6
    for wrong in (3, "nowhere", ["ocean", 3]):
        with pytest.raises(ValueError, match=r"links? must be"):
            labkit.comparison.compare_links(local, "Hi", links=wrong)


def test_a_stop_in_the_warm_up_is_a_stop_and_each_round_has_other_dice(local, monkeypatch):
    seeds = []

    def stand_in(server, link, *, seed):
        seeds.append(seed)
        return StandIn(server, link, seed=seed)

    monkeypatch.setattr(link_comparison, "StandIn", stand_in)
    labkit.comparison.compare_links(local, "Hi", links="none", max_tokens=2)
    assert seeds == [0, 1, 2]
    real = link_comparison.compare

    def stopped(*given, **settings):
        side = real(*given, **settings)
        outcome = replace(side.replies[0].outcome, finish="interrupted")
        return replace(side, replies=(replace(side.replies[0], outcome=outcome),))

    monkeypatch.setattr(link_comparison, "compare", stopped)
    with pytest.raises(KeyboardInterrupt):
        labkit.comparison.compare_links(local, "Hi", links="none", max_tokens=2)
    assert len(seeds) == 3


def test_another_kind_of_model_is_named(smollm2):
    with pytest.raises(ValueError, match=r"model must come from lab\.load_llamacpp"):
        labkit.comparison.compare_links(smollm2, "x")
    with pytest.raises(ValueError, match="prompt must"):
        labkit.compare("", {"x": smollm2})
