/* Draws the figures of a page from their data, once its width is known. */
const LINE_PX = 20, LEAST_PX = 720, COLUMN_PX = 240;
const pen = document.createElement("canvas").getContext("2d");
// A title on as many lines as it needs; the figure grows by them.
function wrapTitle(layout, width) {
  const words = (layout.title?.text ?? "").split(/ +/), lines = [""];
  pen.font = `${layout.title?.font?.size ?? 15}px ${layout.font?.family ?? "sans-serif"}`;
  for (const word of words) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (pen.measureText(longer.replace(/<[^>]*>/g, "")).width < width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  if (lines.length === 1) return;
  layout.title.text = lines.join("<br>");
  layout.margin.t += LINE_PX * (lines.length - 1);
  layout.height += LINE_PX * (lines.length - 1);
}
function draw(source) {
  const figure = JSON.parse(source.textContent), layout = figure.layout, box = source.parentElement;
  const target = box.appendChild(document.createElement("div"));
  const axes = Object.keys(layout).filter(name => name.startsWith("xaxis"));
  const columns = new Set(axes.map(name => layout[name].domain?.[0] ?? 0)).size;
  target.style.minWidth = `${Math.max(LEAST_PX, COLUMN_PX * columns)}px`;  // on a phone the box scrolls
  if (layout.height && layout.margin?.t) wrapTitle(layout, box.clientWidth - 30);
  figure.config = CONFIG;
  Plotly.newPlot(target, figure);
}
for (const source of document.querySelectorAll('.figure > script[type="application/json"]')) {
  try { draw(source); } catch (error) { console.error(error); }  // the next one may be whole
}
