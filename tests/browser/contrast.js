/* The texts in some parts of an element whose contrast with what is behind them is too low, by
   WCAG 2.1. Colours are mixed as they are drawn: text and grounds may be translucent, and a text in
   a plot stands on the filled shapes that were drawn before it. A text on an image is left out; on
   a heat map, whose cells are one, it must have the colour that its figure gave it. A slider's
   handle must stand out too, by its edge, and a dropdown's arrow: 3 to 1 (1.4.11). */
(root, [selector, least]) => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const parsed = new Map();
  function rgba(colour) {
    if (!parsed.has(colour)) {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = "rgba(0,0,0,0)";
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
      parsed.set(colour, [r, g, b, a / 255]);
    }
    return parsed.get(colour);
  }
  const over = ([r, g, b, a], ground) => [r, g, b].map((c, n) => a * c + (1 - a) * ground[n]);
  const faded = (colour, opacity) => [...colour.slice(0, 3), colour[3] * opacity];
  function luminance(colour) {
    const [r, g, b] = colour.map(c => c / 255 <= .04045 ? c / 255 / 12.92
                                                        : ((c / 255 + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  }
  function ratio(one, other) {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + .05) / (low + .05);
  }
  function ground(element) {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      const gradient = style.backgroundImage.match(/rgba?\([^)]*\)/);
      if (gradient) layers.push(rgba(gradient[0]));
      layers.push(rgba(style.backgroundColor));
      if (layers.at(-1)[3] === 1) break;
    }
    const dark = getComputedStyle(document.documentElement).colorScheme.includes("dark")
      && matchMedia("(prefers-color-scheme: dark)").matches;
    return layers.reverse().reduce((below, layer) => over(layer, below), dark ? [18, 18, 18] : [255, 255, 255]);
  }
  function opacity(element) {
    let all = 1;
    for (let at = element; at; at = at.parentElement) all *= getComputedStyle(at).opacity;
    return all;
  }
  function shapes(plot) {
    return [...plot.querySelectorAll(".main-svg :is(path, rect, circle)")].filter(each =>
      getComputedStyle(each).fill !== "none" && !each.closest("defs, clipPath, .draglayer"));
  }
  function patternGround(plot, url) {
    const pattern = plot.querySelector(`[id="${url.match(/#([^")]+)/)[1]}"]`);
    const rect = pattern?.querySelector("rect");
    return rect ? getComputedStyle(rect).fill : "transparent";
  }
  function groundInPlot(text, plot, drawn) {
    const box = text.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2;
    let colour = ground(plot);
    if (text.closest("[class*=axislayer]")) return colour;  // beside the plot, where bars are cut off
    for (const each of drawn) {
      const there = each.getBoundingClientRect();
      const before = each.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING;
      if (!before || x < there.x || x > there.right || y < there.y || y > there.bottom) continue;
      const point = new DOMPoint(x, y).matrixTransform(each.getScreenCTM().inverse());
      if (!each.isPointInFill(point)) continue;
      const style = getComputedStyle(each);
      const fill = style.fill.startsWith("url") ? patternGround(plot, style.fill) : style.fill;
      colour = over(faded(rgba(fill), style.fillOpacity * opacity(each)), colour);
    }
    return colour;
  }
  const plots = new Map(), bad = [];
  let count = 0;
  for (const area of root.querySelectorAll(selector)) {
    for (const handle of area.querySelectorAll(".noUi-handle")) {
      const style = getComputedStyle(handle), behind = ground(area);
      const edge = rgba(parseFloat(style.borderTopWidth) ? style.borderTopColor : "transparent");
      const found = ratio(over(edge, behind), behind);
      if (found < 3) bad.push(`${found.toFixed(2)}: the handle of a slider`);
    }
    for (const select of area.querySelectorAll(".widget-dropdown > select")) {
      const [, kind, data] = getComputedStyle(select).backgroundImage.match(/data:([^,]*),([^"]*)/);
      const drawn = kind.endsWith("base64") ? atob(data) : decodeURIComponent(data);
      const colour = (drawn.match(/#[0-9a-f]{6}/i) || ["#000000"])[0];
      const behind = ground(select), found = ratio(rgba(colour), behind);
      if (found < 3) bad.push(`${found.toFixed(2)}: the arrow of a dropdown`);
    }
    const walker = document.createTreeWalker(area, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode, element = node.parentElement;
      if (!node.textContent.trim() || !element.checkVisibility({ visibilityProperty: true })) continue;
      if (element.closest("button, input, select, textarea, .modebar, script, style, noscript, math")) continue;
      const box = element.getBoundingClientRect();
      if (box.width < 2 || box.height < 2) continue;
      const style = getComputedStyle(element), plot = element.closest(".js-plotly-plot");
      const svg = element.closest("svg") && plot;
      if (svg && element.closest(".heatmaplayer")) {
        const label = element.closest("text"), [drawn, given] = [getComputedStyle(label), label.style];
        if (drawn.fill !== given.fill)
          bad.push(`${node.textContent.trim()} is ${drawn.fill} on a heat map, not ${given.fill}`);
        continue;
      }
      if (svg && element.closest(".imagelayer")) continue;
      if (svg && !plots.has(plot)) plots.set(plot, shapes(plot));
      const behind = svg ? groundInPlot(element.closest("text"), plot, plots.get(plot)) : ground(element);
      const own = svg ? faded(rgba(style.fill), style.fillOpacity) : rgba(style.color);
      const found = ratio(over(faded(own, opacity(element)), behind), behind);
      count += 1;
      if (found < least)
        bad.push(`${found.toFixed(2)}: ${node.textContent.trim().slice(0, 40)} `
          + `(${own.map(c => Math.round(100 * c) / 100)} on ${behind.map(Math.round)}) `
          + `${element.tagName}.${element.getAttribute("class") ?? ""} < ${(element.parentElement.getAttribute("class") ?? element.parentElement.tagName)}`);
    }
  }
  return { count, bad };
}
