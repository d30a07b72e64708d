/* In a notebook: a title that is wider than its figure gets a smaller font, a figure that lost its
   height when JupyterLab changed its theme gets it back, and a slider's handle gets the name that
   stands beside it. */
const FULL_PX = 15, LEAST_PX = 9, MARGIN_PX = 26, PAUSE_MS = 150;
let labels = 0;

function fitTitles() {
  for (const title of document.querySelectorAll(".js-plotly-plot .gtitle")) {
    title.style.fontSize = `${FULL_PX}px`;
    const room = title.ownerSVGElement.width.baseVal.value - MARGIN_PX;
    const width = title.getBBox().width;
    if (width <= room || room <= 0) continue;
    title.style.fontSize = `${Math.max(LEAST_PX, (FULL_PX * room) / width)}px`;
  }
}

function keepHeights() {
  for (const inner of document.querySelectorAll(".js-plotly-plot .svg-container")) {
    const drawn = inner.querySelector(".main-svg");
    if (drawn && inner.clientHeight === 0 && inner.clientWidth > 0)
      inner.style.height = `${drawn.height.baseVal.value}px`;
  }
}

function nameSliders() {
  for (const handle of document.querySelectorAll(".widget-slider .noUi-handle:not([aria-labelledby])")) {
    const label = handle.closest(".widget-slider").querySelector(".widget-label");
    if (!label) continue;
    label.id ||= `labkit-label-${++labels}`;
    handle.setAttribute("aria-labelledby", label.id);
  }
}

function initialize() {
  stepThroughTokens();
  if (window.labkitFitsTitles) return;
  window.labkitFitsTitles = true;
  let timer = 0;
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(() => { keepHeights(); fitTitles(); nameSliders(); }, PAUSE_MS);
  };
  const touchesPlot = change => change.target.closest?.(".js-plotly-plot, .jp-OutputArea-output");
  new MutationObserver(changes => changes.some(touchesPlot) && soon())
    .observe(document.body, { childList: true, subtree: true });
  window.addEventListener("resize", soon);
  soon();
}

export default { initialize };
