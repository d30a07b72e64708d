"""``models``: list, verify, remove on a small model in an empty home."""

import argparse
import json

import pytest

from labkit.commands.models import main
from labkit.errors import LabError
from labkit.models import store


@pytest.fixture
def kept(home):
    """A model of one small file."""
    with store.placing("small", "safetensors", "a test") as aside:
        (aside / "model.safetensors").write_bytes(b"0" * 1000)
    return store.part_folder("small", "safetensors")


def args(action, **more):
    return argparse.Namespace(action=action, **more)


def test_list_shows_the_catalogue_and_what_is_kept(kept, capsys):
    assert main(args("list", json=True)) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["small"]["here"]
    assert not rows["smollm2-135m"]["here"]
    assert rows["mistral-7b"]["needs_bytes"] > 10e9
    assert main(args("list", json=False)) == 0
    assert "smollm2-135m" in capsys.readouterr().out


def test_verify_notices_a_changed_byte(kept, capsys):
    assert main(args("verify", names=[])) == 0
    file = kept / "model.safetensors"
    file.write_bytes(b"1" + file.read_bytes()[1:])
    assert main(args("verify", names=["small"])) == 1
    assert "damaged: model.safetensors" in capsys.readouterr().out


def test_remove_takes_it_all_away(kept, capsys):
    assert main(args("remove", name="small", yes=True)) == 0
    assert "small" not in store.kept()
    with pytest.raises(LabError, match="knows no model"):
        main(args("remove", name="small", yes=True))
