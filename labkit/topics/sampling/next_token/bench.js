/* The bench: a text as tokens, the scores of the next one, and the sampling chain under the reader's
   hand. All is computed here, by chain.js; only the scores of a longer text come from the model.
   A notebook gives it a widget's model, a page without a kernel an object with its data. */
const NAMES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const MOST_KEPT = 48, LATE_MS = 600, REST_MS = 400;

/* A binary value: of a widget, or of a page as base64. */
function bytesOf(value) {
  if (typeof value === "string") return Uint8Array.from(atob(value), c => c.charCodeAt(0));
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice();
}

async function unzip(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return (await new Response(stream).text()).split("\0");
}

class Bench extends BenchView {
  constructor(model, el) {
    super();
    this.model = model;
    this.settings = { ...NEUTRAL, ...model.get("settings"), order: [...model.get("settings").order] };
    this.branches = [{ name: "A", tokens: [] }];
    this.branch = this.branches[0];
    this.waiting = new Map(); // a text's key: what to do with its scores
    this.known = new Map();
    this.remember("", sortScores(new Float32Array(bytesOf(model.get("scores")).buffer)));
    this.size = this.known.get("").ids.length;
    this.texts = [];
    this.build(el);
    this.receive = this.receive.bind(this);
    model.on("msg:custom", this.receive);
    unzip(bytesOf(model.get("vocabulary"))).then(texts => { this.texts = texts; this.changed(); });
    this.changed();
  }

  close() {
    this.isWriting = false;
    clearTimeout(this.rest);
    this.model.off("msg:custom", this.receive);
  }

  /* What the reader does. */

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select")) return;
    const name = KEYS[event.key.toLowerCase()];
    if (!name) return;
    event.preventDefault();
    event.stopPropagation();
    if (!event.repeat && !this.buttons[name].disabled && this.buttons[name].isConnected) this.act(name);
  }

  act(name) {
    if (name === "draw" || name === "thousand") this.drawTokens(name === "draw" ? 1 : 1000);
    if (name === "step") this.take(this.drawOne());
    if (name === "write") this.isWriting ? this.isWriting = false : this.write();
    if (name === "back") this.back();
    if (name === "branch") this.startBranch();
    if (name === "reset") {
      Object.assign(this.settings, NEUTRAL, { order: [...STAGES] });
      this.beside.value = "";
      this.arrange();
      this.changed();
    }
  }

  move(name, step) {
    const { order } = this.settings, index = order.indexOf(name), other = index + step;
    if (!(other in order)) return;
    [order[index], order[other]] = [order[other], order[index]];
    this.arrange();
    const { earlier, later } = this.sliders[name], pressed = step < 0 ? earlier : later;
    (pressed.disabled ? (step < 0 ? later : earlier) : pressed).focus();
    this.changed();
  }

  arrange() {
    const { order } = this.settings;
    this.controls.replaceChildren(...order.map(name => this.sliders[name].item));
    order.forEach((name, index) => {
      this.sliders[name].earlier.disabled = index === 0;
      this.sliders[name].later.disabled = index === order.length - 1;
    });
  }

  drawOne() {
    return drawer(this.run().at(-1), this.size)(Math.random());
  }

  drawTokens(times) {
    const draw = drawer(this.run().at(-1), this.size), counts = new Map();
    for (let left = times; left; left--) {
      const id = draw(Math.random());
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    const [id, count] = [...counts].reduce((best, each) => each[1] > best[1] ? each : best);
    const share = this.shareOf(this.run().at(-1), id), name = this.name(id);
    this.changed({ counts, times });
    this.say(times === 1 ? `Drew “${name}”, which had ${percent(share)}.`
      : `${whole(times)} draws, ${whole(counts.size)} different tokens; “${name}” came ${whole(count)} `
        + `times, ${(share * times).toFixed(1)} expected.`);
  }

  async take(id) {
    if (id === undefined || this.isBusy || !this.canTake(id)) return false;
    const { branch } = this, tokens = [...branch.tokens, this.chosen(id)];
    if (!await this.read(tokens)) return false;
    branch.tokens = tokens;
    if (branch === this.branch) this.changed();
    return true;
  }

  chosen(id) {
    const share = this.shareOf(this.sorted(), id), bits = -Math.log2(share);
    return { id, text: this.name(id), share, bits };
  }

  async write() {
    this.isWriting = true;
    this.buttons.write.textContent = "Stop";
    const { branch } = this;
    for (let left = MOST_WRITTEN; left && this.isWriting && this.branch === branch; left--) {
      const id = this.drawOne();
      if (!await this.take(id) || this.model.get("ends").includes(id)) break;
      await new Promise(requestAnimationFrame);
    }
    this.isWriting = false;
    this.buttons.write.textContent = "Write";
  }

  async back() {
    const { branch } = this, tokens = branch.tokens.slice(0, -1);
    if (this.isBusy || !branch.tokens.length || !await this.read(tokens)) return;
    branch.tokens = tokens;
    this.changed();
  }

  startBranch() {
    if (this.branches.length === NAMES.length) return this.say("All letters are in use.");
    this.branch = { name: NAMES[this.branches.length], tokens: this.branch.tokens };
    this.branches.push(this.branch);
    this.changed();
    this.say(`On branch ${this.branch.name}.`);
  }

  async goTo(branch) {
    this.isWriting = false;
    if (this.isBusy || !await this.read(branch.tokens)) return;
    this.branch = branch;
    this.changed();
    this.say(`On branch ${branch.name}.`);
  }

  /* Scores: known, held by the page, or asked for. */

  key(tokens = this.branch.tokens) { return tokens.map(token => token.id).join(); }
  sorted() { return this.known.get(this.key()); }

  remember(key, stage) {
    this.known.set(key, stage);
    if (this.known.size > MOST_KEPT)
      this.known.delete([...this.known.keys()].find(each => each && each !== key && each !== this.key()));
  }

  canTake(id) {
    const key = this.key([...this.branch.tokens, { id }]);
    return this.model.get("asks") || this.known.has(key) || Boolean(this.model.get("held")?.[key]);
  }

  async read(tokens) {
    const key = this.key(tokens), held = this.model.get("held")?.[key];
    if (held && !this.known.has(key))
      this.remember(key, sortScores(fromFloat16(new Uint16Array(bytesOf(held).buffer))));
    if (this.known.has(key)) return true;
    if (!this.model.get("asks")) return false;
    this.isBusy = true;
    const late = setTimeout(() => this.say("waiting for the kernel …"), LATE_MS);
    const came = new Promise(resolve => this.waiting.set(key, resolve));
    this.model.send({ read: tokens.map(token => token.id) });
    const problem = await came;
    clearTimeout(late);
    this.isBusy = false;
    this.say(problem);
    return !problem;
  }

  receive(message, buffers) {
    if (!Array.isArray(message.read)) return;
    const key = message.read.join();
    for (const [id, text] of Object.entries(message.texts ?? {})) this.texts[id] ||= text;
    if (buffers?.length) this.remember(key, sortScores(new Float32Array(bytesOf(buffers[0]).buffer)));
    this.waiting.get(key)?.(message.problem ?? "");
    this.waiting.delete(key);
  }

  /* What is computed. */

  context() { return [...this.model.get("ids"), ...this.branch.tokens.map(token => token.id)]; }
  run() { return runChain(this.sorted(), this.context(), this.settings); }

  besideOrder() {
    const rest = this.settings.order.filter(name => name !== "temperature");
    const filters = rest.map((name, index) => FILTERS.includes(name) ? index : -1).filter(n => n >= 0);
    rest.splice(this.beside.value === "first" ? filters.at(-1) + 1 : filters[0], 0, "temperature");
    return rest;
  }

  shareOf(stage, id) {
    const rank = stage.ids.indexOf(id);
    return rank < 0 ? null : probabilities(stage)[rank];
  }

  name(id) { return this.texts[id] || `#${id}`; }

  /* A score after the penalties and the temperature, whatever is cut off before or after. */
  scaled(id, score, occurred) {
    const { settings } = this;
    for (const name of settings.order) {
      if (name === "temperature" && settings.temperature > 0) score /= settings.temperature;
      if (!occurred.has(id)) continue;
      if (name === "presence_penalty") score -= settings[name];
      if (name === "frequency_penalty") score -= settings[name] * occurred.get(id);
      if (name === "repetition_penalty") score *= settings[name] ** (score < 0 ? 1 : -1);
    }
    return score;
  }

  /* Drawn at once; what changes again before the next frame waits for that. */
  changed(draws = null) {
    this.draws = draws;
    this.isBehind = Boolean(this.frame);
    if (!this.frame) {
      this.draw();
      this.frame = requestAnimationFrame(() => {
        this.frame = null;
        if (this.isBehind) this.changed(this.draws);
      });
    }
    clearTimeout(this.rest);
    this.rest = setTimeout(() => this.settle(), REST_MS);
  }

  /* After a pause: what a screen reader says, and what the kernel may know. */
  settle() {
    const final = this.run().at(-1);
    if (!this.draws && !this.isBusy) {
      const bits = [this.sorted(), final].map(stage => entropyBits(stage).toFixed(2));
      this.say(`${whole(final.ids.length)} of ${whole(this.size)} tokens remain · entropy `
        + `${bits[0]} → ${bits[1]} bits`);
    }
    const { settings, branches } = this;
    this.model.set("settings", { ...settings, order: [...settings.order] });
    this.model.set("branches", branches.map(({ name, tokens }) => ({ name, ids: tokens.map(t => t.id) })));
    this.model.save_changes();
  }

  say(text) { if (this.status.textContent !== text) this.status.textContent = text; }
}

function render({ model, el }) {
  const bench = new Bench(model, el);
  return () => bench.close();
}

export default { render };
