/* The controls of a week's cost on a page without a kernel, the sentence, and the fan of the cost. */
function usd(amount) {
  if (amount && Math.abs(amount) < 0.1) return `$${Number(amount.toPrecision(2))}`;
  const digits = Math.abs(amount) < 1000 ? 2 : 0;
  return `$${amount.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

function inWeeks(number) {
  if (number === Infinity) return "never";
  return number > 0 && number < 1 ? "under 1" : Math.round(number).toLocaleString("en-US");
}

function headline({ never, low, median, high }) {
  const share = `${Math.round(100 * never)}\u00a0%`;
  if (median === Infinity) return `never in ${share} of the draws`;
  const unit = inWeeks(median).split(" ").at(-1) === "1" ? "week" : "weeks";
  return `${inWeeks(median)} ${unit} (${inWeeks(low)} to ${inWeeks(high)} in 80\u00a0% of the draws), `
    + `never in ${share}`;
}

function sentence(result, model, lacking) {
  const { bill, running } = result, half = running.length / 2;
  const middle = (running[Math.floor(half)] + running[Math.ceil(half) - 1]) / 2;
  const question = bill.questions ? bill.usd / bill.questions : 0;
  return `A week in the cloud: ${usd(bill.usd)}, ${usd(question)} a question. Running the card: `
    + `${usd(middle)} a week. Break-even: ${headline(result)}.`
    + lacking.map(each => ` The list has no ${each} price of ${model}.`).join("");
}

/* A labelled control, and a function that gives its value. */
function control({ name, label, kind, options, value, min, max, step }, changed) {
  const box = document.createElement("label"), output = document.createElement("output");
  const input = document.createElement(kind === "choice" ? "select" : "input");
  output.setAttribute("aria-hidden", "true"); // the control says it
  const indices = kind === "steps";
  if (kind === "choice") input.append(...options.map(([text, key]) => new Option(text, key)));
  else input.type = kind === "check" ? "checkbox" : "range";
  if (indices) Object.assign(input, { min: 0, max: options.length - 1, step: 1 });
  if (kind === "range") Object.assign(input, { min, max, step });
  const read = () => kind === "check" ? input.checked : kind === "choice" ? input.value
    : indices ? options[input.value][1] : Number(input.value);
  const set = next => {
    if (kind === "check") input.checked = next;
    else input.value = indices ? options.findIndex(([, each]) => each === next) : next;
    show();
  };
  function show() {
    if (kind === "range" || indices) output.textContent = read().toLocaleString("en-US");
    input.setAttribute("aria-valuetext", output.textContent);
  }
  input.oninput = () => { show(); changed(name); };
  box.append(Object.assign(document.createElement("span"), { textContent: label }), input, output);
  set(value);
  return { box, read, set };
}

function render({ model, el }) {
  const facts = model.get("facts"), dice = uniforms(facts.generator), figure = model.get("figure");
  const controls = {}, sides = [0, 1].map(() => document.createElement("fieldset"));
  const status = document.createElement("p"), box = document.createElement("div");
  let frame = null;
  const changed = name => {
    if (name === "hardware") controls.price_usd.set(facts.hardware[controls.hardware.read()].price_usd[1]);
    frame ??= requestAnimationFrame(() => { frame = null; show(); });
  };
  ["In the cloud", "On hardware of your own"].forEach((text, side) => {
    sides[side].append(Object.assign(document.createElement("legend"), { textContent: text }));
  });
  for (const each of model.get("controls")) {
    controls[each.name] = control(each, changed);
    sides[each.side].append(controls[each.name].box);
  }
  status.setAttribute("role", "status");
  box.className = "figure";
  const parts = Object.assign(document.createElement("div"), { className: "lk-week" });
  parts.append(...sides);
  el.append(parts, status, box);
  const target = drawFigure(figure, box, PANEL_PX);
  function show() {
    const chosen = Object.fromEntries(Object.entries(controls).map(([name, each]) => [name, each.read()]));
    const result = breakEven(facts, chosen, dice), { fan } = result;
    status.textContent = sentence(result, chosen.model, unpriced(facts.prices, chosen));
    const names = [, , `${facts.hardware[chosen.hardware].title}: price and electricity`, `cloud: ${chosen.model}`];
    const data = ["low", "high", "middle", "cloud"].map((key, index) => ({ ...figure.data[index],
      x: fan.x, y: fan[key], ...(names[index] && { name: names[index] }) }));
    const title = { ...figure.layout.title, text: `break-even: ${headline(result)} (computed)` };
    changeFigure(target, data, { ...figure.layout, title });
  }
  show();
}
