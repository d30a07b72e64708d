"""The page's chain in node and in Chromium: the kernel's numbers, on 200 random settings of three
vocabularies. They stand in one file, so that what the kernel computes is computed once.
"""

import base64
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from labkit.topics.sampling.next_token.bench_panel import CHAIN
from labkit.ui.pages.page_module import module_text

from ....browser.chromium import new_page, start_chromium
from .kernel_cases import SETTINGS, SIZES, assert_same, served_cases

CASES = Path(__file__).with_name("chain_cases.js")
COMPARE = """async ([chain, cases, address]) => {
  const load = text => import("data:text/javascript;base64," + text);
  return (await load(cases)).compare(await load(chain), address);
}"""
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(not NODE, reason="node is not installed")


def node(body, *imports):
    """What the body, an expression, gives in node as JSON."""
    lines = [f'import * as {name} from "{path.as_uri()}";' for name, path in imports]
    program = "\n".join([*lines, f"console.log(JSON.stringify(await ({body})));"])
    ran = subprocess.run(
        [NODE, "--input-type=module", "-e", program], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@needs_node
@pytest.mark.slow
def test_every_chain_gives_the_kernels_numbers_and_draws():
    with served_cases() as address:
        call = f'cases.compare(chain, "{address}")'
        assert_same(node(call, ("chain", CHAIN), ("cases", CASES)), SETTINGS * len(SIZES))


@pytest.mark.slow
def test_every_chain_gives_the_kernels_numbers_and_draws_in_a_browser():
    scripts = [base64.b64encode(path.read_bytes()).decode() for path in (CHAIN, CASES)]
    with served_cases() as address, start_chromium() as browser:
        found = new_page(browser).evaluate(COMPARE, [*scripts, address])
    assert_same(found, SETTINGS * len(SIZES))


@needs_node
def test_a_few_chains_give_the_kernels_numbers_and_draws():
    with served_cases(4) as address:
        call = f'cases.compare(chain, "{address}")'
        assert_same(node(call, ("chain", CHAIN), ("cases", CASES)), 4 * len(SIZES))


@needs_node
def test_halves_are_read_as_numpy_writes_them():
    halves = np.array([0, 1, -2.5, 65504, 6e-8, -6e-5, 0.1, -np.inf], np.float16)
    read = node(
        f"[...chain.fromFloat16(new Uint16Array({halves.view(np.uint16).tolist()}))].map(String)",
        ("chain", CHAIN),
    )
    assert [float(each.replace("Infinity", "inf")) for each in read] == halves.tolist()


@needs_node
def test_a_drawn_token_has_a_probability_and_the_ends_are_the_first_and_the_last():
    stage = "chain.sortScores(new Float32Array([1, -Infinity, 3, 2, -Infinity]))"
    body = f"[0, 0.999999].map(chain.drawer({stage}, 5))"
    assert node(body, ("chain", CHAIN)) == [0, 3]


@needs_node
@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({"temperature": 0.1}, ["100.0 %", *["<0.01 %"] * 12]),
        ({"top_k": 13}, ["100.0 %", *["<0.01 %"] * 12]),
        ({"top_k": 12}, ["100.0 %", *["<0.01 %"] * 11, "✗ cut"]),
        ({"top_p": 0.5}, ["100.0 %", *["✗ cut"] * 12]),
    ],
)
def test_cut_is_what_a_filter_removed_and_not_what_rounds_to_0(tmp_path, settings, shown):
    bench = tmp_path / "bench.mjs"
    bench.write_text(module_text("bench") + "\nexport { BenchView, percent };", encoding="utf-8")
    scores = [0, *range(-300, -320, -1)]  # of 21 tokens, 12 have rows of their own
    body = f"""(() => {{
      const sorted = bench.sortScores(new Float32Array({scores}));
      const stage = bench.runChain(sorted, [], {json.dumps(settings)}).at(-1);
      const shown = [...sorted.ids.subarray(0, 12)];
      return bench.BenchView.prototype.sharesOf.call({{ shown }}, stage).map(bench.percent);
    }})()"""
    assert node(body, ("bench", bench)) == shown
