"""Blind votes: fair sides, honest intervals, joined files, a panel that hides the names."""

import json
import math
import random
from collections import Counter
from dataclasses import replace
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labkit
from labkit.errors import LabError
from labkit.stats import mcnemar_p, share_interval
from labkit.topics.comparison.batch.table import BatchRow, BatchTable
from labkit.topics.comparison.votes import power
from labkit.topics.comparison.votes.figures import votes_figure, votes_needed_figure
from labkit.topics.comparison.votes.files import join_votes, read, save_votes
from labkit.topics.comparison.votes.pairs import make_pairs
from labkit.topics.comparison.votes.power import effective_sample_size, votes_needed
from labkit.topics.comparison.votes.votes import CHOICES, Ballot, Vote, Votes, count_votes

NAMES = ("local", "remote")
HARM = "<script>alert(1)</script>"


def row(index, backend, text, **more):
    values = {"prompt": f"prompt {index}", "finish": "stop", **more}
    return BatchRow(
        key=f"{index} {backend}", prompt_index=index, backend=backend, text=text, **values
    )


def table(prompts=6, same=()):
    cells = [
        row(index, name, "same" if index in same else f"text {index} {number}")
        for index in range(prompts)
        for number, name in enumerate(NAMES)
    ]
    return BatchTable(NAMES, tuple(cells))


def ballots(choices, ballot_id="1", sides=None):
    """A ballot with these choices; `sides` says where the first stands as B."""
    sides = sides or [False] * len(choices)
    votes = [
        Vote(f"prompt {n}", *(reversed(NAMES) if swap else NAMES), choice)
        for n, (choice, swap) in enumerate(zip(choices, sides, strict=True))
    ]
    return Ballot(ballot_id, "", tuple(votes))


cast_votes = st.lists(st.tuples(st.sampled_from(CHOICES), st.booleans()), max_size=30)


def counted(choices, ballot_id="1"):
    return ballots([c for c, _ in choices], ballot_id, [s for _, s in choices])


# --- numbers


@given(cast_votes)
def test_the_interval_holds_the_share_and_counts_add_up(choices):
    votes = count_votes(NAMES, counted(choices))
    assert sum(votes.counts.values()) == len(votes.votes) == len(choices)
    wins = sum((c == "A") != swap for c, swap in choices if c in ("A", "B"))
    assert votes.counts["local"] == wins
    if votes.decided:
        low, high = votes.interval
        assert 0 <= low <= votes.share <= high <= 1
        assert votes.settled == settles(wins, votes.decided)
    else:
        assert votes.share is votes.interval is votes.needed is None and not votes.settled


@given(st.integers(1, 400), st.data(), st.floats(0.5, 0.999))
def test_wilsons_interval_inverts_the_score_test(votes, data, level):
    """At its ends, the counted share is just as far off as the level allows (Wilson 1927)."""
    wins = data.draw(st.integers(0, votes))
    low, high = share_interval(wins / votes, votes, level)
    z = abs(NormalDist().inv_cdf((1 - level) / 2))
    for end in (low, high):
        if 1e-9 < end < 1 - 1e-9:
            off = abs(wins / votes - end) / math.sqrt(end * (1 - end) / votes)
            assert math.isclose(off, z, rel_tol=1e-6)


def test_it_holds_the_true_share_as_often_as_it_says():
    """The exact coverage over all counts, 20 votes: on average 95 %, and never far below."""
    cover = []
    for share in (n / 100 for n in range(1, 100)):
        covered = 0.0
        for wins in range(21):
            low, high = share_interval(wins / 20, 20)
            if low <= share <= high:
                covered += math.comb(20, wins) * share**wins * (1 - share) ** (20 - wins)
        cover.append(covered)
    assert 0.94 < sum(cover) / len(cover) < 0.97 and min(cover) > 0.83


def settles(wins, votes):
    """Whether the interval of independent votes excludes one half, and the exact test agrees."""
    low, high = share_interval(wins / votes, votes)
    return not low <= 0.5 <= high and mcnemar_p(wins, votes - wins) <= 0.05


def exact_power(votes, share):
    """How often this many votes settle it."""
    return sum(
        math.comb(votes, wins) * share**wins * (1 - share) ** (votes - wins)
        for wins in range(votes + 1)
        if settles(wins, votes)
    )


@pytest.mark.parametrize("share", [0.6, 0.65, 0.7, 0.8, 0.9, 0.97, 1, 0.3])
def test_this_many_votes_settle_it_in_80_of_100_cases_and_fewer_do_not(share):
    needed = votes_needed(share)
    assert exact_power(needed, share) >= 0.8
    assert all(exact_power(votes, share) < 0.8 for votes in range(1, needed))


def test_the_normal_distribution_goes_on_where_the_exact_power_ends(monkeypatch):
    shares = (0.545, 0.6, 0.7)
    exact = [votes_needed(share) for share in shares]
    monkeypatch.setattr(power, "_decided_needed", power._decided_needed.__wrapped__)  # no cache
    monkeypatch.setattr(power, "MOST_EXACT", 1)
    assert [votes_needed(share) for share in shares] == pytest.approx(exact, rel=0.1)
    monkeypatch.undo()
    assert 60 < votes_needed(0.9, power=math.nextafter(1, 0)) < 200  # more than can be added up


@given(st.floats(0.51, 0.999), st.floats(0.001, 0.2), st.floats(0, 0.9))
def test_a_clearer_preference_needs_no_more_votes_and_ties_need_more(share, more, undecided):
    assert votes_needed(min(1.0, share + more)) <= votes_needed(share)
    assert votes_needed(share) == votes_needed(1 - share) or math.isclose(
        votes_needed(share), votes_needed(1 - share), abs_tol=1
    )
    assert votes_needed(share, undecided=undecided) >= votes_needed(share)


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"share": 0.5}, "share"),
        ({"share": 1.2}, "share"),
        ({"share": 0.6, "power": 1}, "power"),
        ({"share": 0.6, "undecided": 1}, "undecided"),
        ({"share": 0.6, "level": 0}, "level"),
    ],
)
def test_bad_numbers_are_named(wrong, name):
    with pytest.raises(ValueError, match=f"^{name} must"):
        votes_needed(**wrong)


@given(st.lists(st.booleans(), min_size=1, max_size=20))
def test_independent_votes_count_in_full(wins):
    prompts = range(len(wins))
    assert effective_sample_size(wins, prompts) == len(wins)
    assert effective_sample_size(wins, prompts, ["one voter"] * len(wins)) == len(wins)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=1, max_size=40))
def test_the_effective_number_is_one_at_least_and_their_number_at_most(votes):
    wins, groups = zip(*votes, strict=True)
    assert 1 <= effective_sample_size(wins, groups) <= len(wins)


def test_thirty_voters_who_agree_on_each_prompt_count_as_the_prompts():
    wins = [place < 3 for _ in range(30) for place in range(5)]
    prompts = [place for _ in range(30) for place in range(5)]
    assert effective_sample_size(wins, prompts) <= 5
    classes = [ballots(["A", "A", "A", "B", "B"], str(n)) for n in range(30)]
    votes = count_votes(NAMES, *classes)
    assert votes.interval[1] - votes.interval[0] > 0.6 and not votes.settled


def in_class(voters, prompts, losses=0):
    """Everybody prefers the first, but for the first votes."""
    choices = ["B"] * losses + ["A"] * (voters * prompts - losses)
    return count_votes(
        NAMES, *(ballots(choices[n * prompts : (n + 1) * prompts], str(n)) for n in range(voters))
    )


@pytest.mark.parametrize(
    ("voters", "prompts", "losses", "is_settled"),
    [
        *((2, 6, losses, losses < 2) for losses in range(3)),
        *((2, 20, losses, True) for losses in range(3)),
        *((4, 3, losses, False) for losses in range(3)),
        *((30, 3, losses, False) for losses in range(3)),
        *((30, 1, losses, False) for losses in range(3)),
        *((30, 6, losses, True) for losses in range(3)),
        *((30, 5, losses, False) for losses in range(3)),
        *((1, 6, losses, losses < 1) for losses in range(2)),
        (1, 5, 0, False),
        (1, 8, 1, False),  # p = 0.07, and an interval of 53 to 98 %
    ],
)
def test_a_dissenting_vote_settles_nothing(voters, prompts, losses, is_settled):
    votes = in_class(voters, prompts, losses)
    assert votes.settled is is_settled, votes.summary
    if not losses:
        assert votes.effective_n == pytest.approx(prompts)


@given(st.integers(1, 5), st.integers(1, 6), st.data())
def test_the_interval_is_never_further_from_one_half_than_with_full_agreement(n, prompts, data):
    size = n * prompts
    wins = data.draw(st.lists(st.booleans(), min_size=size, max_size=size))
    groups = [place % prompts for place in range(size)], [place // prompts for place in range(size)]
    low, high = share_interval(sum(wins) / size, effective_sample_size(wins, *groups))
    best, _ = share_interval(1, effective_sample_size([True] * size, *groups))
    assert low <= best + 1e-9 and 1 - high <= best + 1e-9


@pytest.mark.parametrize(("voters", "prompts"), [(4, 3), (30, 3), (30, 1), (1, 3)])
@pytest.mark.parametrize("losses", [0, 1])
def test_what_is_needed_would_settle_it(voters, prompts, losses):
    """With that many votes at the same share, as many on each prompt."""
    votes = in_class(voters, prompts, losses)
    more = math.ceil(votes.needed / voters)
    again = in_class(voters, more, losses * more // prompts)
    assert again.settled, (votes.summary, again.summary)
    assert ("on at least 6 prompts" in votes.verdict) == (voters > 1)


# --- sides


@given(st.integers(1, 15), st.integers(0, 10**6))
def test_each_stands_as_a_in_half_of_the_prompts(prompts, seed):
    pairs = make_pairs(table(prompts), seed=seed)
    as_a = Counter(pair.a for pair in pairs)
    assert abs(as_a["local"] - as_a["remote"]) == prompts % 2
    assert sorted(pair.prompt for pair in pairs) == sorted(f"prompt {n}" for n in range(prompts))
    for pair in pairs:
        number = pair.prompt.split()[1]
        assert pair.text_a == f"text {number} {NAMES.index(pair.a)}"
        assert pair.text_b == f"text {number} {NAMES.index(pair.b)}"
    assert make_pairs(table(prompts), seed=seed) == pairs


def test_over_many_seeds_every_side_and_every_position_is_equally_frequent():
    first, sides, begun = Counter(), Counter(), Counter()
    for seed in range(1200):
        pairs = make_pairs(table(5), seed=seed)
        first[pairs[0].prompt] += 1
        begun[pairs[0].a, pairs[1].a] += 1
        sides.update(pair.prompt for pair in pairs if pair.a == "local")
    # 1200 draws of 1 in 5, and of 1 in 2: within five standard deviations.
    assert all(abs(n - 240) < 5 * math.sqrt(1200 * 0.2 * 0.8) for n in first.values())
    assert all(abs(n - 600) < 5 * math.sqrt(1200 * 0.25) for n in sides.values())
    # The next side cannot be told from the last: of five sides, two are alike in 2 of 5 pairs.
    alike = begun["local", "local"] + begun["remote", "remote"]
    assert abs(alike - 480) < 5 * math.sqrt(1200 * 0.4 * 0.6)


@settings(max_examples=50)
@given(st.integers(0, 10**6))
def test_one_who_always_takes_the_left_one_prefers_nobody(seed):
    pairs = make_pairs(table(8), seed=seed)
    votes = count_votes(NAMES, Ballot("1", "", tuple(Vote(p.prompt, p.a, p.b, "A") for p in pairs)))
    assert votes.share == 0.5 and votes.position_share == 1


def test_only_what_both_answered_is_voted_on():
    cells = [
        row(0, "local", "a"),
        row(0, "remote", "b"),
        row(1, "local", "c"),
        row(1, "remote", "d", finish="failed"),
    ]
    pairs = make_pairs(BatchTable(NAMES, tuple(cells)))
    assert [pair.prompt for pair in pairs] == ["prompt 0"]


def test_what_cannot_be_voted_on_is_refused():
    with pytest.raises(ValueError, match=r"^table must hold a prompt"):
        make_pairs(BatchTable(NAMES, (row(0, "local", "a"),)))
    with pytest.raises(ValueError, match=r"^names must be two of the table's backends"):
        make_pairs(table(), ("local", "elsewhere"))
    with pytest.raises(ValueError, match=r"^names must be two"):
        make_pairs(BatchTable(("one",), ()))
    for name in ("tie", "both bad"):
        with pytest.raises(ValueError, match=r"^names must not be tie or both bad"):
            make_pairs(BatchTable((name, "local"), ()))
    for wrong in (3, "local", [["local"], "remote"], ("local", "local"), ()):
        with pytest.raises(ValueError, match=r"^names must be two"):
            make_pairs(table(), wrong)


# --- files


@given(st.lists(cast_votes, min_size=1, max_size=5))
def test_joined_votes_are_the_sum(tmp_path_factory, class_choices):
    folder = tmp_path_factory.mktemp("class")
    alone = [count_votes(NAMES, counted(each, str(n))) for n, each in enumerate(class_choices)]
    files = [save_votes(votes, folder / f"{n}.json") for n, votes in enumerate(alone)]
    joined = join_votes(files)
    for key in joined.counts:
        assert joined.counts[key] == sum(votes.counts[key] for votes in alone)
    assert len(joined.ballots) == len(class_choices) and not joined.left_out
    assert join_votes(folder).counts == joined.counts
    assert join_votes([*files, *files]).counts == joined.counts  # no file counts twice
    assert read(save_votes(joined, folder / "all.json")).counts == joined.counts
    assert join_votes(folder).counts == joined.counts  # nor does a file of files


def test_of_a_ballot_saved_early_and_late_the_late_one_counts(tmp_path):
    early = save_votes(count_votes(NAMES, ballots(["A"])), tmp_path / "early.json")
    late = save_votes(count_votes(NAMES, ballots(["A", "B", "tie"])), tmp_path / "late.json")
    for files in ([early, late], [late, early]):
        assert len(join_votes(files).votes) == 3


def test_names_in_another_order_are_the_same_two(tmp_path):
    one = save_votes(count_votes(NAMES, ballots(["A"], "1")), tmp_path / "1.json")
    other = save_votes(count_votes(NAMES[::-1], ballots(["A"], "2")), tmp_path / "2.json")
    joined = join_votes([one, other])
    assert joined.names == NAMES and joined.counts["local"] == 2


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        "notes",
        '{"labkit_votes": 2, "names": ["a", "b"], "ballots": []}',
        '{"labkit_votes": 1, "names": ["a", "a"], "ballots": []}',
        '{"labkit_votes": 1, "names": ["a", "tie"], "ballots": []}',
        '{"labkit_votes": 1, "names": ["local", "remote"], "ballots": [{}]}',
        '{"labkit_votes": 1, "names": ["local", "remote"], "ballots": 7}',
        '{"labkit_votes": 1, "names": ["local", "remote"], "ballots": [{"ballot_id": "1", '
        '"voter": "", "votes": [{"prompt": "p", "a": "local", "b": "remote", '
        '"choice": "A wins"}]}]}',
        '{"labkit_votes": 1, "names": ["local", "remote"], "ballots": [{"ballot_id": "1", '
        '"voter": "", "votes": [{"prompt": "p", "a": "local", "b": "local", "choice": "A"}]}]}',
    ],
)
def test_a_broken_or_foreign_file_gets_a_sentence(tmp_path, content):
    broken = tmp_path / "broken.json"
    broken.write_text(content)
    with pytest.raises(LabError, match="does not hold votes"):
        read(broken)
    good = save_votes(count_votes(NAMES, ballots(["A", "B"])), tmp_path / "good.json")
    joined = join_votes([broken, good, tmp_path / "nowhere.json"])
    assert len(joined.votes) == 2 and len(joined.left_out) == 2
    assert "broken.json does not hold votes" in repr(joined) and "nowhere.json cannot" in repr(
        joined
    )


def test_a_file_about_others_is_left_out_with_a_sentence(tmp_path):
    good = save_votes(count_votes(NAMES, ballots(["A"])), tmp_path / "1.json")
    other = Ballot("2", "", (Vote("p", "x", "y", "A"),))
    others = save_votes(count_votes(("x", "y"), other), tmp_path / "2.json")
    joined = join_votes([good, others])
    assert len(joined.votes) == 1 and "about x and y" in joined.left_out[0]


def test_no_votes_at_all_is_an_error_with_every_reason(tmp_path):
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(LabError, match="No votes were found"):
        join_votes(tmp_path)
    with pytest.raises(LabError, match="cannot be written"):
        save_votes(count_votes(NAMES), tmp_path / "nowhere" / "a.json")


def test_bytes_that_are_not_text_get_the_sentence_too(tmp_path):
    broken = tmp_path / "broken.json"
    broken.write_bytes(random.Random(1).randbytes(300))
    with pytest.raises(LabError, match="does not hold votes"):
        read(broken)


# --- the panel


def words(panel):
    """All that the panel shows."""
    parts = [panel.status, panel.question, *panel.answers.values()]
    return " ".join(each.value for each in parts)


def test_no_name_is_shown_before_the_end():
    panel = labkit.comparison.vote_panel(table(4), seed=2)
    for _ in range(4):
        assert "local" not in words(panel) and "remote" not in words(panel)
        assert not panel.result.children
        panel.buttons["A"].click()
    assert "local" in words(panel) and "remote" in words(panel)
    assert panel.result.children and all(b.disabled for b in panel.buttons.values())


def test_keys_vote_and_go_back():
    panel = labkit.comparison.vote_panel(table(5), seed=1)
    for key in ("a", "b", "backspace", "t", "n", "x"):
        panel.keys._handle_custom_msg({"key": key}, [])
    assert [vote.choice for vote in panel.votes.votes] == ["A", "tie", "both bad"]
    panel.back.click()
    assert len(panel.votes.votes) == 2


def test_each_vote_is_for_the_one_who_stood_there():
    panel = labkit.comparison.vote_panel(table(6), seed=5)
    while panel.pair:
        panel.choose("A" if panel.pair.a == "remote" else "B")
    assert panel.votes.counts["remote"] == 6 and panel.votes.share == 0
    assert panel.votes.settled and "settled: remote is preferred" in panel.summary


def test_the_same_text_is_a_tie_without_a_vote():
    panel = labkit.comparison.vote_panel(table(4, same=(0, 2)), seed=3)
    asked = 0
    while panel.pair:
        assert not panel.pair.same
        panel.choose("B")
        asked += 1
    assert asked == 2 and panel.votes.counts["tie"] == 2
    assert "2 of them had identical texts" in panel.status.value


def test_back_skips_ties_without_a_vote():
    panel = labkit.comparison.vote_panel(table(4, same=(0, 2)), seed=3)
    before = panel.pair
    panel.choose("A")
    panel.take_back()
    assert panel.pair == before
    panel.take_back()
    assert panel.pair == before


def test_all_texts_the_same_ends_immediately():
    panel = labkit.comparison.vote_panel(table(3, same=(0, 1, 2)))
    assert panel.pair is None and panel.votes.counts["tie"] == 3


def test_ended_early_it_shows_the_names():
    panel = labkit.comparison.vote_panel(table(5))
    assert panel.end.disabled
    panel.choose("tie")
    panel.end.click()
    assert panel.pair is None and "local" in words(panel)
    panel.choose("A")
    assert len(panel.votes.votes) == 1


def test_every_vote_is_saved_immediately_and_the_panel_resumes_there(tmp_path):
    file = tmp_path / "my.json"
    panel = labkit.comparison.vote_panel(table(5), file=file, voter="Ada", seed=4)
    assert not file.exists()
    panel.choose("A")
    panel.choose("tie")
    record = json.loads(file.read_text())
    assert record["ballots"][0]["voter"] == "Ada" and len(record["ballots"][0]["votes"]) == 2
    again = labkit.comparison.vote_panel(table(5), file=file, seed=4)
    assert again.votes == panel.votes and again.pair == panel.pair
    again.take_back()
    assert len(read(file).votes) == 1
    assert list(tmp_path.iterdir()) == [file]  # nothing half written is left


def test_a_ballot_keeps_its_voter_and_both_names(tmp_path):
    file = tmp_path / "my.json"
    for wrong in (None, 7, "A\0"):
        with pytest.raises(ValueError, match=r"^voter must be a name"):
            labkit.comparison.vote_panel(table(5), voter=wrong, file=file)
    panel = labkit.comparison.vote_panel(table(5), iter(NAMES), file=file, voter="Ann")
    panel.choose("A")
    assert read(file).names == NAMES
    with pytest.raises(LabError, match="holds the votes of Ann, not of Bob"):
        labkit.comparison.vote_panel(table(5), file=file, voter="Bob")
    for voter in ("Ann", ""):
        again = labkit.comparison.vote_panel(table(5), file=file, voter=voter)
        assert again.votes == panel.votes and again.votes.ballots[0].voter == "Ann"


def test_a_file_on_other_answers_is_not_written_over(tmp_path):
    file = tmp_path / "my.json"
    labkit.comparison.vote_panel(table(5), file=file, seed=4).choose("A")
    content = file.read_text()
    asked_again = BatchTable(NAMES, tuple(replace(r, text=f"new {r.text}") for r in table(5).rows))
    for other, seed in ((table(5), 5), (asked_again, 4)):
        with pytest.raises(LabError, match="other answers"):
            labkit.comparison.vote_panel(other, file=file, seed=seed)
    older = json.loads(content)
    assert "text" not in content and older["ballots"][0]["votes"][0].pop("digest")
    file.write_text(json.dumps(older))  # of a version that kept no digest
    assert labkit.comparison.vote_panel(asked_again, file=file, seed=4).votes.decided == 1
    file.write_text("notes")
    with pytest.raises(LabError, match="does not hold votes"):
        labkit.comparison.vote_panel(table(5), file=file)
    assert file.read_text() == "notes" and content


def test_a_vote_that_cannot_be_saved_is_not_counted(tmp_path, monkeypatch):
    panel = labkit.comparison.vote_panel(table(4, same=(1, 2)), file=tmp_path / "a.json", seed=4)

    def fail(*_):
        raise LabError("The disk is full.")

    for act in (lambda: panel.choose("A"), panel.take_back):
        before, shown = panel.votes.votes, panel.question.value
        with monkeypatch.context() as patch:
            patch.setattr("labkit.topics.comparison.votes.panel.save_votes", fail)
            act()
        assert panel.votes.votes == before and panel.question.value == shown
        assert 'role="alert"' in panel.status.value and "The disk is full." in panel.status.value
        act()
        assert panel.votes.votes != before and 'role="alert"' not in panel.status.value
        assert read(tmp_path / "a.json").votes == panel.votes.votes


def test_model_text_is_escaped_in_the_panel():
    cells = (row(0, "local", HARM, prompt=HARM), row(0, "remote", HARM + "!", prompt=HARM))
    panel = labkit.comparison.vote_panel(BatchTable(NAMES, cells))
    assert HARM not in words(panel) and "&lt;script&gt;" in words(panel)


def test_the_static_form_is_the_first_pair(monkeypatch):
    monkeypatch.setenv("LABKIT_STATIC", "1")
    panel, outputs = labkit.comparison.vote_panel(table(2), seed=1), []
    monkeypatch.setattr("IPython.display.display", lambda *parts: outputs.extend(parts))
    panel._ipython_display_()
    assert panel.pair.text_a in outputs[0].data and "local" not in outputs[0].data
    panel.choose("A")
    panel.finish()
    outputs.clear()
    panel._ipython_display_()
    assert "local" in outputs[0].data and len(outputs) == 2


@pytest.mark.slow
def test_a_real_models_answers_are_voted_on(smollm2):
    hot = labkit.comparison.with_settings(smollm2, "hot", temperature=2.0)
    cold = labkit.comparison.with_settings(smollm2, "cold", temperature=0)
    table = labkit.comparison.run_batch(
        ["Name a river.", "Name a tree."], [hot, cold], max_tokens=10, seed=1
    )
    panel = labkit.comparison.vote_panel(table)
    texts = {panel.pair.text_a, panel.pair.text_b}
    assert texts == {r.text for r in table.rows if r.prompt == panel.pair.prompt}


# --- figures


@given(st.lists(cast_votes, min_size=0, max_size=3))
@settings(max_examples=25)
def test_the_figure_shows_the_counts_and_the_interval(class_choices):
    votes = count_votes(NAMES, *(counted(each, str(n)) for n, each in enumerate(class_choices)))
    figure = votes_figure(votes)
    total = max(1, len(votes.votes))
    shares = {trace.name.split(":")[0]: trace.x[0] for trace in figure.data[:4]}
    assert math.isclose(shares["local preferred"], 100 * votes.counts["local"] / total)
    assert math.isclose(shares["tie"], 100 * votes.counts["tie"] / total)
    assert len(figure.data) == 4 + bool(votes.decided)
    if votes.decided:
        point = figure.data[4]
        ends = (point.x[0] - point.error_x.arrayminus[0], point.x[0] + point.error_x.array[0])
        assert ends == pytest.approx([100 * end for end in votes.interval])
    assert ("No votes yet" in figure.layout.title.text) == (not votes.votes)


def test_the_curve_of_votes_needed():
    figure = votes_needed_figure(count_votes(NAMES, ballots(["A"] * 7 + ["B"] * 3)))
    curve, here = figure.data
    assert list(curve.y) == [votes_needed(x / 100) for x in curve.x]
    assert (here.x[0], here.y[0]) == (pytest.approx(70), 10)
    assert len(votes_needed_figure().data) == 1


def test_a_slider_without_a_kernel_has_the_curve_for_each_share_of_undecided_votes():
    votes = count_votes(NAMES, ballots(["A"] * 7 + ["B"] * 2 + ["tie"] * 3))
    figure = votes_needed_figure(votes)
    (slider,) = figure.layout.sliders
    here = slider.steps[slider.active]
    assert here.label == "25 % (as here)"
    assert list(figure.data[0].y) == here.args[0]["y"][0]
    for step in slider.steps:
        share = 0.25 if step == here else float(step.label.removesuffix(" %")) / 100
        expected = [votes_needed(x / 100, undecided=share) for x in figure.data[0].x]
        assert step.args[0]["y"][0] == expected and list(step.args[1]) == [0]


def test_the_share_of_undecided_votes_is_a_single_step():
    (slider,) = votes_needed_figure(count_votes(NAMES, ballots(["A"] * 9 + ["tie"]))).layout.sliders
    assert slider.steps[slider.active].label == "10 % (as here)"
    assert len(slider.steps) == 7  # 1 - 9 / 10 is not 0.1


def test_one_vote_is_no_plural():
    votes = count_votes(NAMES, ballots(["A"]))
    assert votes.summary.startswith("1 vote of one voter")
    assert votes_figure(votes).layout.title.text.startswith("1 blind vote of one voter")


def test_plot_and_summary_before_any_vote():
    votes = Votes(NAMES, ())
    assert labkit.plot(votes).data and "none decided" in votes.summary
    assert labkit.comparison.vote_panel(table()).summary == "blind vote: no votes yet"
