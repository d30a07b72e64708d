"""Settings: each bound, with the value that broke it."""

import json
import re
from dataclasses import asdict

import numpy as np
import pytest

from labkit.backends.settings import Settings

BAD = [
    ("temperature", -0.1), ("temperature", "hot"), ("temperature", 1e-30),
    ("temperature", float("nan")), ("presence_penalty", 3), ("frequency_penalty", -2.1),
    ("order", ["top_p"]),
    ("top_p", 0), ("top_p", 1.5), ("min_p", -0.1), ("min_p", 1), ("typical_p", 0),
    ("top_k", 0), ("top_k", 2.5), ("repetition_penalty", 0), ("max_tokens", 0),
    ("max_tokens", True), ("max_tokens", "many"), ("seed", -1), ("seed", "lucky"), ("stop", ""),
    ("stop", ["fine", ""]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_value_out_of_bounds_is_named_with_its_bound(name, value):
    with pytest.raises(ValueError, match=rf"^{name} must be .*got ") as error:
        Settings(**{name: value})
    assert repr(value).strip("[]") in str(error.value)


def test_numpys_numbers_become_pythons_and_a_1_stays_a_1():
    settings = Settings(temperature=np.float32(0.5), top_p=np.float64(0.5), min_p=np.int64(0))
    numbers = settings.temperature, settings.top_p, settings.min_p, Settings(temperature=1)
    assert json.dumps(asdict(settings)) and {*map(type, numbers[:3])} == {float}
    assert type(numbers[3].temperature) is int
    whole = Settings(top_k=np.int64(3), max_tokens=np.uint8(4), seed=np.int32(5))
    assert {type(each) for each in (whole.top_k, whole.max_tokens, whole.seed)} == {int}
    assert json.dumps(asdict(whole)) and (whole.top_k, whole.max_tokens, whole.seed) == (3, 4, 5)
    with pytest.raises(ValueError, match="top_p must be"):
        Settings(top_p=np.float32("nan"))
    with pytest.raises(ValueError, match="top_k must be a whole number, 1 or more, or None; got 0"):
        Settings(top_k=np.int64(0))


@pytest.mark.parametrize("stop", [["a", "b"], np.array(["a", "b"]), iter("ab")])
def test_stop_strings_may_come_in_any_row(stop):
    assert Settings(stop=stop).stop == ("a", "b")
    assert Settings(stop=np.array([], str)).stop == ()


def test_a_seed_is_made_up_and_kept():
    settings = Settings()
    assert settings.seed is None
    assert isinstance(settings.seeded().seed, int)
    assert Settings(seed=5).seeded().seed == 5


def test_one_stop_string_or_several():
    assert Settings(stop="END").stop == ("END",)
    assert Settings(stop=["a", "b"]).stop == ("a", "b")


@pytest.mark.parametrize(
    ("name", "said"), [("tempratur", "did you mean 'temperature'?"), ("zzz", "there are temp")]
)
def test_a_setting_that_there_is_not(name, said):
    with pytest.raises(TypeError, match=f"there is no setting '{name}': {re.escape(said)}"):
        Settings(**{name: 1})


@pytest.mark.parametrize(("name", "value"), [("stop", 3), ("order", None), ("order", "top_p")])
def test_what_is_no_list_is_a_sentence(name, value):
    with pytest.raises(ValueError, match=f"{name} must be"):
        Settings(**{name: value})


def test_stop_strings_may_come_one_by_one():
    assert Settings(stop=iter(["a", "b"])).stop == ("a", "b")
    assert (Settings(stop="ab").stop, Settings(stop=None).stop) == (("ab",), ())
    with pytest.raises(ValueError, match="stop must be"):
        Settings(stop="")
