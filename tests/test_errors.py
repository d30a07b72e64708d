"""What a learner sees of an error."""

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from labkit.errors import LabError


def test_a_notebook_shows_the_sentence_and_no_traceback():
    shell = InteractiveShell()
    with capture_output() as shown:
        shell.run_cell(
            "from labkit.errors import LabError\nraise LabError('No file.', 'Make one.')"
        )
    assert shown.stdout.strip() == "✗ No file.\n  → Make one."


def test_without_a_mend_it_is_one_line():
    assert str(LabError("It is full.")) == "It is full."
