/* What the bench shows, and how it is drawn: the controls, the table of the next token's scores and
   probabilities, the cumulative curve, the text. bench.js below gives it a life. */
const LABELS = { repetition_penalty: "repetition penalty", presence_penalty: "presence penalty",
  frequency_penalty: "frequency penalty",
  temperature: "temperature", top_k: "top-k", top_p: "top-p", min_p: "min-p", typical_p: "typical-p" };
const RANGES = { temperature: [0, 3, 0.05], top_p: [0.01, 1, 0.01], min_p: [0, 0.3, 0.001],
  typical_p: [0.01, 1, 0.01], repetition_penalty: [0.5, 2, 0.05], presence_penalty: [-2, 2, 0.1],
  frequency_penalty: [-2, 2, 0.1] };
const TOP_KS = [0, 10000, 5000, 1000, 500, 200, 100, 50, 40, 30, 20, 10, 8, 5, 3, 2, 1];
const FILTERS = ["top_k", "top_p", "min_p", "typical_p"];
const SURPRISE = [1, 2, 4, 8]; // bits: from each on, a token is marked more strongly
const ROWS = 12, CURVE_POINTS = 60, MOST_WRITTEN = 40;
const KEYS = { d: "draw", s: "step", w: "write", b: "branch", r: "reset", backspace: "back" };

/* A share; null: of what is cut, which a share so small that it rounds to 0 is not. */
const percent = share => share === null ? "✗ cut" : share < 0.0001 ? "<0.01 %"
  : `${(100 * share).toFixed(share < 0.01 ? 2 : 1)} %`;
const whole = number => number.toLocaleString("en-US");
const surpriseClass = bits => `s${SURPRISE.filter(least => bits >= least).length}`;

function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  // JupyterLab's own keys pass over an element that says so itself: arrows, B, D.
  if (["button", "input", "select"].includes(tag)) made.dataset.lmSuppressShortcuts = "true";
  made.append(...children);
  return made;
}

class BenchView {
  build(el) {
    this.root = make("div", { class: "lk-bench", role: "group",
      "aria-label": "Sampling bench. Keys: D draws, S steps, W writes, Backspace goes back, "
        + "B branches, R resets." });
    this.root.addEventListener("keydown", event => this.press(event));
    this.text = make("div", { class: "text", "aria-label": "The text so far" });
    this.list = make("ul", { class: "branches", "aria-label": "Branches" });
    this.controls = make("ol", { class: "stages", "aria-label": "Settings, applied from top to bottom" });
    this.sliders = Object.fromEntries(STAGES.map(name => [name, this.slider(name)]));
    this.beside = this.makeBeside();
    this.status = make("div", { class: "status", role: "status", "aria-live": "polite" });
    const left = make("div", { class: "left" }, make("b", {}, "Applied from top to bottom"),
      this.controls, this.beside.parentElement, this.makeButtons());
    this.curve = make("div", { class: "curve" });
    left.append(this.curve);
    const parts = make("div", { class: "parts" }, left, this.makeTable());
    this.root.append(this.text, this.list, parts, this.status);
    el.append(this.root);
    this.arrange();
  }

  slider(name) {
    const [low, high, step] = RANGES[name] ?? [0, TOP_KS.length - 1, 1], value = this.settings[name];
    const input = make("input", { type: "range", step, "aria-label": LABELS[name] });
    input.min = Math.min(low, value), input.max = name === "top_k" ? high : Math.max(high, value);
    const earlier = make("button", { "aria-label": `Apply ${LABELS[name]} earlier` }, "↑");
    const later = make("button", { "aria-label": `Apply ${LABELS[name]} later` }, "↓");
    const output = make("output", { "aria-hidden": "true" });
    earlier.onclick = () => this.move(name, -1);
    later.onclick = () => this.move(name, 1);
    input.oninput = () => {
      this.settings[name] = name === "top_k" ? TOP_KS[input.value] : Number(input.value);
      this.changed();
    };
    const item = make("li", {}, earlier, later, make("span", {}, LABELS[name]), input, output);
    return { item, input, output, earlier, later };
  }

  makeBeside() {
    const select = make("select", {});
    for (const [value, text] of [["", "nothing"], ["first", "filters before the temperature"],
      ["last", "the temperature before the filters"]]) select.append(make("option", { value }, text));
    const { temperature, order } = this.settings;
    const cuts = FILTERS.some(name => this.settings[name] !== NEUTRAL[name]);
    if (cuts && temperature !== 1)
      select.value = order.indexOf("temperature") < order.indexOf("top_p") ? "first" : "last";
    select.onchange = () => this.changed();
    make("label", { class: "beside" }, "Beside it, with ", select);
    return select;
  }

  makeButtons() {
    const buttons = [["draw", "Draw", "Draw a token, and take none"],
      ["thousand", "Draw 1,000", "Draw 1,000 times"], ["step", "Step", "Draw a token and take it"],
      ["write", "Write", `Step up to ${MOST_WRITTEN} times`], ["back", "Back", "One token back"],
      ["branch", "Branch", "Go on in a copy of this text"], ["reset", "Reset", "Every setting off"]];
    this.buttons = {};
    const row = make("div", { class: "buttons" });
    for (const [name, text, title] of buttons) {
      const key = Object.keys(KEYS).find(each => KEYS[each] === name);
      const button = make("button", { title, ...(key && { "aria-keyshortcuts": key }) }, text);
      button.onclick = () => this.act(name);
      const needs = { step: "asks", write: "asks", back: "is_live", branch: "is_live" }[name];
      if (!needs || this.model.get(needs)) row.append(button);
      this.buttons[name] = button;
    }
    return row;
  }

  makeTable() {
    const table = make("table", {});
    table.createCaption().textContent = "The next token: score, divided by the temperature, probability";
    const heads = ["token", "score", "", "", ""].map(text => make("th", { scope: "col" }, text));
    this.heads = heads;
    table.append(make("thead", {}, make("tr", {}, ...heads)));
    const body = make("tbody");
    this.rows = Array.from({ length: ROWS + 1 }, (_, index) => {
      const button = make("button"), cells = [1, 2, 3, 4].map(() => make("td"));
      const bars = cells.slice(2).map(cell => {
        const bar = { own: make("i"), after: make("b"), drawn: make("u"), share: make("span") };
        cell.append(make("div", { class: "bar", "aria-hidden": "true" }, bar.own, bar.after, bar.drawn),
          bar.share);
        return bar;
      });
      button.onclick = () => this.take(this.shown[index]);
      body.append(make("tr", {}, make("th", { scope: "row" }, index < ROWS ? button : "all others"), ...cells));
      return { button, cells, bars };
    });
    table.append(body);
    return table;
  }

  draw() {
    const runs = [this.run()];
    if (this.beside.value)
      runs.push(runChain(this.sorted(), this.context(), { ...this.settings, order: this.besideOrder() }));
    this.root.classList.toggle("two", runs.length > 1);
    this.drawControls();
    this.drawTable(runs);
    this.drawCurve(runs);
    this.drawText();
  }

  drawControls() {
    for (const [name, { item, input, output }] of Object.entries(this.sliders)) {
      const value = this.settings[name], off = value === NEUTRAL[name];
      const text = off && name !== "temperature" ? "off"
        : name === "top_k" ? whole(value) : value.toFixed(name === "min_p" ? 3 : 2);
      input.value = name !== "top_k" ? value : value ? TOP_KS.findIndex(k => k && k <= value) : 0;
      input.setAttribute("aria-valuetext", text);
      output.textContent = text;
      item.classList.toggle("off", off);
    }
    this.buttons.back.disabled = !this.branch.tokens.length;
  }

  drawTable(runs) {
    const sorted = this.sorted(), occurred = countTokens(this.context());
    const { temperature } = this.settings;
    this.shown = [...sorted.ids.subarray(0, ROWS)];
    this.heads[2].textContent = temperature > 0 ? `÷ ${temperature.toFixed(2)}` : "÷ 0: the best";
    const finals = runs.map(run => run.at(-1));
    const [own, ...shares] = [sorted, ...finals].map(stage => this.sharesOf(stage));
    [3, 4].forEach((column, index) => {
      this.heads[column].replaceChildren(...runs[index] ? this.headOf(runs[index]) : []);
    });
    this.rows.forEach(({ button, cells, bars }, rank) => {
      const id = this.shown[rank], score = sorted.values[rank];
      if (rank < ROWS) {
        button.textContent = this.name(id);
        cells[0].textContent = score.toFixed(2);
        cells[1].textContent = this.scaled(id, score, occurred).toFixed(2);
        const label = `Take “${this.name(id)}”, ${percent(shares[0][rank])}`;
        button.disabled = !this.canTake(id);
        button.setAttribute("aria-label", button.disabled ? this.name(id) : label);
      }
      bars.forEach((bar, index) => {
        if (!shares[index]) return;
        const share = shares[index][rank];
        bar.own.style.width = `${100 * own[rank]}%`;
        bar.after.style.width = `${100 * share}%`;
        bar.share.textContent = percent(share);
        const drawn = index === 0 && this.draws ? this.drawnShare(rank) : 0;
        bar.drawn.style.left = `${100 * drawn}%`;
        bar.drawn.hidden = !drawn;
      });
    });
  }

  /* The share of each shown token, then of all others together; null where all of them are cut. */
  sharesOf(stage) {
    const rows = new Map(this.shown.map((id, row) => [id, row])), found = new Array(ROWS + 1).fill(null);
    const all = probabilities(stage);
    let count = 0, sum = 0;
    for (let rank = 0; rank < all.length && count < ROWS; rank++) {
      const row = rows.get(stage.ids[rank]);
      if (row === undefined) continue;
      sum += found[row] = all[rank];
      count++;
    }
    if (count < all.length) found[ROWS] = Math.max(0, 1 - sum);
    return found;
  }

  drawnShare(rank) {
    const { counts, times } = this.draws;
    if (rank < ROWS) return (counts.get(this.shown[rank]) ?? 0) / times;
    return 1 - this.shown.reduce((sum, id) => sum + (counts.get(id) ?? 0), 0) / times;
  }

  headOf(run) {
    const names = run.slice(1).map(stage => LABELS[stage.name]);
    return [make("div", {}, names.join(" → ") || "nothing changed"),
      make("small", {}, `${whole(run.at(-1).ids.length)} remain`)];
  }

  drawCurve(runs) {
    const width = 300, height = 116, decades = Math.log10(this.size);
    const x = rank => (width * Math.log10(rank) / decades).toFixed(1);
    const y = share => (height * (1 - Math.min(1, share))).toFixed(1);
    const line = (stage, kind) => {
      const shares = probabilities(stage), points = [], ratio = shares.length ** (1 / CURVE_POINTS);
      let sum = 0, next = 1;
      for (let rank = 1; rank <= shares.length; rank++) {
        sum += shares[rank - 1];
        if (rank < next && rank < shares.length) continue;
        points.push(`${x(rank)},${y(sum)}`);
        while (next <= rank) next *= Math.max(ratio, 1.0001);
      }
      return `<polyline class="${kind}" points="0,${height} ${points.join(" ")}"/>`;
    };
    const cut = (stage, kind) => `<line class="cut ${kind}" x1="${x(stage.ids.length)}"
      x2="${x(stage.ids.length)}" y1="0" y2="${height}"/>`;
    const ticks = Array.from({ length: Math.floor(decades) + 1 }, (_, power) =>
      `<text x="${x(10 ** power)}" y="${height + 12}">${whole(10 ** power)}</text>`).join("");
    const kinds = ["a", "b"], finals = runs.map(run => run.at(-1));
    const label = finals.map(final => `the cut is at ${whole(final.ids.length)} tokens`).join("; beside it ");
    this.curve.innerHTML = `<svg viewBox="-34 -8 346 142" role="img"
      aria-label="Cumulative probability of the likeliest tokens: ${label}.">
      <text class="y" x="-4" y="4">100 %</text><text class="y" x="-4" y="${height}">0 %</text>
      <path class="axis" d="M0 0V${height}H${width}"/>${ticks}${line(this.sorted(), "own")}
      ${finals.map((final, n) => line(final, kinds[n]) + cut(final, kinds[n])).join("")}</svg>
      <div>cumulative probability of the likeliest tokens: <i class="own"></i>the model's own
      <i class="a"></i>drawn from <i class="cut"></i>cut${runs.length > 1 ? ' <i class="b"></i>beside it' : ""}</div>`;
  }

  /* Only another text is drawn anew: a slider leaves it as it is. */
  drawText() {
    const { tokens } = this.branch;
    if (this.drawnTokens === tokens && this.drawnBranch === this.branch) return;
    [this.drawnTokens, this.drawnBranch] = [tokens, this.branch];
    const prompt = this.model.get("prompt").map(text => make("span", {}, text));
    this.text.replaceChildren(...prompt, ...this.chips(tokens));
    this.text.scrollTop = this.text.scrollHeight;
    if (this.branches.length > 1) this.drawBranches();
  }

  chips(tokens) {
    return tokens.map(({ text, share, bits }, index) => {
      const title = `${text}: ${percent(share)}, a surprise of ${bits.toFixed(1)} bits`;
      const isNew = index === tokens.length - 1 ? " new" : "";
      return make("span", { class: surpriseClass(bits) + isNew, title }, text);
    });
  }

  drawBranches() {
    const [first] = this.branches;
    this.list.replaceChildren(...this.branches.map(branch => {
      const { name, tokens } = branch, bits = tokens.reduce((sum, token) => sum + token.bits, 0);
      const same = tokens.findIndex((token, index) => token.id !== first.tokens[index]?.id);
      const button = make("button", { "aria-pressed": branch === this.branch }, name);
      button.onclick = () => this.goTo(branch);
      const mean = tokens.length ? `${(bits / tokens.length).toFixed(2)} bits per token` : "empty";
      const shared = branch === first || !same ? "" : ` · the first ${same < 0 ? tokens.length : same} as A`;
      return make("li", {}, button, make("span", { class: "line" }, ...this.chips(tokens)),
        make("small", {}, `${tokens.length} token${tokens.length === 1 ? "" : "s"} · ${mean}${shared}`));
    }));
  }
}
