/* A row of tokens is one stop of the Tab key; the arrow keys, Home and End step through it. Without
   this script, each token is a stop of its own. */
const TOKEN = ":is(.lk-strip, .lk-trace) [tabindex]";
const SAME_LINE_PX = 6;

function middle(token) {
  const { left, right, top, bottom } = token.getClientRects()[0];
  return [(left + right) / 2, (top + bottom) / 2];
}

/* The nearest token in a direction; at the end of a line, the one before or after in the text. */
function neighbour(tokens, token, key) {
  const index = tokens.indexOf(token), [x, y] = middle(token);
  if (key === "Home") return tokens[0];
  if (key === "End") return tokens.at(-1);
  const sign = key === "ArrowRight" || key === "ArrowDown" ? 1 : -1;
  const isLine = key === "ArrowDown" || key === "ArrowUp";
  let best, least = Infinity;
  for (const other of tokens) {
    const [otherX, otherY] = middle(other), dx = sign * (otherX - x), dy = sign * (otherY - y);
    const near = isLine ? dy > SAME_LINE_PX && 1000 * dy + Math.abs(dx)
                        : Math.abs(dy) < SAME_LINE_PX && dx > 0 && dx;
    if (near && near < least) [best, least] = [other, near];
  }
  return best ?? (isLine ? undefined : tokens[index + sign]);
}

function stepThroughTokens() {
  if (window.labkitStepsThroughTokens) return;
  window.labkitStepsThroughTokens = true;
  const rowOf = token => token.closest(".lk-strip, .lk-trace");
  document.addEventListener("focusin", ({ target }) => {
    if (!target.matches?.(TOKEN)) return;
    const row = rowOf(target);
    if (target.dataset.t) target.setAttribute("aria-description", target.dataset.t);
    target.setAttribute("data-lm-suppress-shortcuts", "true");  // JupyterLab's own arrow keys
    for (const token of row.querySelectorAll("[tabindex]")) token.tabIndex = token === target ? 0 : -1;
  });
  document.addEventListener("keydown", event => {
    if (!event.target.matches?.(TOKEN) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!/^(Arrow(Left|Right|Up|Down)|Home|End)$/.test(event.key)) return;
    event.preventDefault();
    neighbour([...rowOf(event.target).querySelectorAll("[tabindex]")], event.target, event.key)?.focus();
  });
}
