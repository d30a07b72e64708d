/* A figure that a panel changes: it is drawn from its whole state, however late the page gets to
   it. plotly's script comes by a widget of its own, once a page. Both are this module. */
const LATE = /Failed to initialize model/;

function plotly() {
  if (!globalThis.labkitPlotly) {
    let arrive;
    const promise = new Promise(resolve => { arrive = resolve; });
    globalThis.labkitPlotly = { promise, arrive, isAsked: false };
    // anywidget's complaint about a page that was busy for 2 seconds: here, nothing is lost by it.
    addEventListener("unhandledrejection", event => {
      if (LATE.test(event.reason?.message)) event.preventDefault();
    });
  }
  return globalThis.labkitPlotly;
}

async function load(script) {
  const page = plotly();
  if (page.isAsked) return;
  page.isAsked = true;
  await import(URL.createObjectURL(new Blob([script], { type: "text/javascript" })));
  page.arrive(globalThis.Plotly);
}

/* anywidget drops all messages to a widget whose module was not ready within 2 seconds. This one
   takes each as it comes, and asks for those that were dropped until now. */
async function listen(model) {
  const own = await model.widget_manager.get_model(model.get("own_id"));
  const handle = Object.getPrototypeOf(own.constructor.prototype)._handle_comm_msg;
  own.comm?.on_msg(message => handle.call(own, message));
  model.send({ event: "listening" });
}

function initialize({ model }) {
  plotly();
  if (model.get("script")) load(model.get("script"));
  else listen(model);
}

async function render({ model, el, signal }) {
  const Plotly = await plotly().promise;
  if (signal?.aborted || model.get("script")) return;
  const draw = () => {
    if (!model.get("figure")) return;  // it is on its way
    const { data, layout } = JSON.parse(model.get("figure"));
    // What the reader has zoomed or hidden stays so.
    return Plotly.react(el, data, { uirevision: "kept", ...layout }, model.get("_config"));
  };
  const fit = new ResizeObserver(() => el.clientWidth && Plotly.Plots.resize(el));
  model.on("change:figure", draw);
  await draw();
  fit.observe(el);
  return () => { fit.disconnect(); model.off("change:figure", draw); Plotly.purge(el); };
}

export default { initialize, render };
