/* The merges of a tokenizer on a page without a kernel: a slider over what was computed before. */
function render({ model, el }) {
  const frames = model.get("frames"), strips = model.get("strips"), figure = model.get("figure");
  const slider = Object.assign(document.createElement("input"), { type: "range", min: 0,
    max: frames.length - 1, value: frames.length - 1 });
  slider.style.width = "min(420px, 60%)";
  const label = document.createElement("label"), count = document.createElement("output");
  count.setAttribute("aria-hidden", "true"); // the slider says it
  label.append("merges ", slider, " ", count);
  const news = document.createElement("p"), strip = document.createElement("div");
  news.setAttribute("role", "status");
  strip.className = "lk-merges";
  const box = document.createElement("div");
  box.className = "figure";
  el.append(label, news, strip, box);
  const target = drawFigure(figure, box, PANEL_PX), [curve, mark] = figure.data;
  function show() {
    const merges = Number(slider.value), frame = frames[merges];
    slider.setAttribute("aria-valuetext", `${merges} merges`);
    count.textContent = merges;
    news.textContent = frame.news;
    strip.replaceChildren(...strips[frame.strip].map(text =>
      Object.assign(document.createElement("span"), { textContent: text })));
    const layout = { ...figure.layout, title: { ...figure.layout.title, text: frame.title } };
    changeFigure(target, [curve, { ...mark, x: [merges], y: [frame.ratio] }], layout);
  }
  slider.oninput = show;
  show();
}
