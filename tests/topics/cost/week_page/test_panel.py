"""The cost page's module in node: the kernel's numbers, whatever the controls say."""

import json
import random
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import labkit
from labkit.models.prices import request_price
from labkit.topics.cost.amortization.figures import fan_data
from labkit.topics.cost.cloud_models import cloud_models
from labkit.topics.cost.panel import WeekPanel
from labkit.topics.cost.week_page.panel import tiers

NODE = shutil.which("node")
MODULE = Path(labkit.__file__).parent / "topics/cost/week_page/week.js"


def test_the_rates_are_those_of_the_price_list():
    rng = random.Random(0)
    for model in cloud_models():
        for batch in (False, True):
            for _ in range(6):
                read, written = int(10 ** rng.uniform(0, 6.4)), int(10 ** rng.uniform(0, 5))
                stored = int(rng.random() * read)
                rates = next(each for each in tiers(model.id, batch) if read <= each["most"])
                page = rates["read"] * (read - stored) + rates["cached"] * stored
                page += rates["written"] * written
                listed = request_price(model.id, read, written, cached_tokens=stored, batch=batch)
                assert page == pytest.approx(listed, rel=1e-6)


def set_randomly(panel, rng):
    for control in panel.controls.values():
        if rng.random() < 0.5:
            continue
        if hasattr(control, "options"):
            pairs = [each if isinstance(each, tuple) else (each, each) for each in control.options]
            control.value = rng.choice(pairs)[1]
        elif isinstance(control.value, bool):
            control.value = rng.random() < 0.5
        else:
            steps = int((control.max - control.min) / control.step)
            control.value = control.min + control.step * rng.randrange(steps + 1)


@pytest.mark.slow
@pytest.mark.skipif(not NODE, reason="node is not installed")
def test_the_page_computes_what_the_kernel_computes():
    rng, panel, expected, cases = random.Random(5), WeekPanel("gpt-6-sol", "rtx-3090"), [], []
    (form,) = panel.static_form()
    data = json.loads(re.search("<script[^>]*>(.*?)</script>", form, re.S)[1])
    while len(cases) < 25:
        set_randomly(panel, rng)
        if panel.result is not None:
            cases.append({name: control.value for name, control in panel.controls.items()})
            expected.append((panel.week, panel.result, fan_data(panel.result)))
    program = f"""import * as week from "{MODULE.as_uri()}";
const {{ facts, cases }} = JSON.parse(await new Response(process.stdin).text());
const dice = week.uniforms(facts.generator), text = value => value === Infinity ? "inf" : value;
console.log(JSON.stringify(cases.map(each => {{
  const {{ running, ...found }} = week.breakEven(facts, each, dice);
  return {{ ...found, unpriced: week.unpriced(facts.prices, each) }};
}}), (_, value) => text(value)));"""
    ran = subprocess.run(
        [NODE, "--input-type=module", "-e", program],
        input=json.dumps({"facts": data["facts"], "cases": cases}),
        capture_output=True,
        text=True,
        check=True,
    )
    for found, (week, result, fan) in zip(json.loads(ran.stdout), expected, strict=True):
        assert found["bill"]["usd"] == pytest.approx(week.total_usd, rel=1e-6)
        assert found["unpriced"] == list(week.unpriced)
        assert found["never"] == pytest.approx(result.never_share, abs=1e-4)
        for share, name in ((0.1, "low"), (0.5, "median"), (0.9, "high")):
            weeks = result.quantile_weeks(share)
            assert float(found[name]) == pytest.approx(np.inf if weeks is None else weeks, rel=1e-3)
        for page, kernel in (("x", "weeks"), ("low", "low"), ("high", "high"), ("cloud", "cloud")):
            np.testing.assert_allclose(found["fan"][page], fan[kernel], rtol=1e-3, atol=1e-9)
