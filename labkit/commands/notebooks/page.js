/* Draws the figures of a page from their data, once its width is known. */
const LINE_PX = 20, LEAST_PX = 720, COLUMN_PX = 240;
// Under a finger a figure scrolls with its page; its buttons would cover what is written there.
const TOUCHED = matchMedia("(pointer: coarse)").matches;
const USED = TOUCHED ? { ...CONFIG, displayModeBar: false } : CONFIG;
const pen = document.createElement("canvas").getContext("2d");
// A title as plain text: Plotly's tags taken out, and signs such as &#36; decoded.
function plain(title, gap = "") {
  const text = title.replace(/<[^>]*>/g, gap);
  return new DOMParser().parseFromString(text, "text/html").body.textContent;
}
// A title on as many lines as it needs; the figure grows by those that are more than its own.
function wrapTitle(layout, width) {
  const own = (layout.title?.text ?? "").split("<br>");
  const usual = layout.title?.font?.size ?? 15, family = layout.font?.family ?? "sans-serif";
  let size = usual; // that of a line may be set in the one before
  const lines = own.flatMap(line => {
    const [, number, unit] = /font-size: *([0-9.]+)(em|px)/.exec(line) ?? [];
    if (number) size = unit === "em" ? number * usual : number;
    pen.font = `${size}px ${family}`;
    if (line.includes("</span>")) size = usual;
    return wrapLine(line, width);
  });
  const more = lines.length - own.length;
  if (!more) return;
  layout.title.text = lines.join("<br>");
  layout.margin.t += LINE_PX * more;
  layout.height += LINE_PX * more;
}
function wrapLine(line, width) {
  const lines = [""];
  for (const word of line.split(/ +(?![^<>]*>)/)) { // a space within a tag is no place to part it
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (pen.measureText(plain(longer)).width < width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}
// Draws a figure at the end of a box, and gives its element; on a phone the box scrolls.
function drawFigure({ data, layout, frames }, box, leastPx = LEAST_PX) {
  const target = box.appendChild(document.createElement("div"));
  if (!globalThis.Plotly) {
    target.textContent = "This figure is drawn by plotly.min.js, which belongs beside this page.";
    return target;
  }
  const axes = Object.keys(layout).filter(name => name.startsWith("xaxis"));
  const columns = new Set(axes.map(name => layout[name].domain?.[0] ?? 0)).size;
  const least = Math.max(leastPx, COLUMN_PX * columns);
  target.style.minWidth = `${least}px`;
  box.style.setProperty("--least", target.style.minWidth);
  box.classList.toggle("wide", least > box.clientWidth);
  describeFigure(box, layout);
  Plotly.newPlot(target, { data, layout: fitted(layout, box), frames, config: USED });
  return target;
}
// Plotly's own slider takes no keys: the page's own, above the figure, does what each step says.
function drawWithSlider({ data, layout: { sliders: [slider], ...layout }, frames }, box) {
  const make = (tag, values) => Object.assign(document.createElement(tag), values);
  const { active = 0, currentvalue, steps } = slider, show = make("output");
  const said = make("p", { className: "said" });
  const range = make("input", { type: "range", min: 0, max: steps.length - 1, value: active });
  const label = make("label", { className: "slider" });
  label.append(currentvalue?.prefix?.replace(/: *$/, "") || "Slider", range, show);
  show.setAttribute("aria-hidden", "true"); // the slider says it
  said.setAttribute("role", "status");
  box.before(label, said);
  const target = drawFigure({ data, layout, frames }, box, PANEL_PX);
  const say = ({ label, value = "" }) => {
    range.setAttribute("aria-valuetext", show.textContent = label);
    said.textContent = value;
  };
  range.oninput = () => {
    const step = steps[range.value];
    globalThis.Plotly?.[step.method](target, ...step.args);
    say(step);
  };
  say(steps[active]);
}
function fitted(layout, box) {
  const own = structuredClone(layout);
  if (TOUCHED) own.dragmode = false;
  if (own.height && own.margin?.t) wrapTitle(own, box.clientWidth - 30);
  return own;
}
// A screen reader says the title, and not each text of the drawing.
function describeFigure(box, { title }) {
  box.setAttribute("role", "img");
  box.setAttribute("aria-label", plain(title?.text ?? "Figure", " "));
}
// For the module of a panel, whose figure changes and shrinks with the page.
const PANEL_PX = 320;
function changeFigure(target, data, layout) {
  describeFigure(target.parentElement, layout);
  globalThis.Plotly?.react(target, data, fitted(layout, target.parentElement));
}
for (const source of document.querySelectorAll('.figure > script[type="application/json"]')) {
  // The next one may be whole.
  try {
    const figure = JSON.parse(source.textContent);
    (figure.layout.sliders?.length === 1 ? drawWithSlider : drawFigure)(figure, source.parentElement);
  } catch (error) { console.error(error); }
}
