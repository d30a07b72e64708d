// A field for code: what the model suggests stands in it as ghost text, until Tab or Esc.
// A mirror behind the transparent field shows all text, so that a ghost can stand within it.
const PAUSE_MS = 60; // shorter than the eye notices, longer than a key that repeats takes

function part(tag, name, parent) {
  const made = document.createElement(tag);
  made.className = name;
  parent.append(made);
  return made;
}

function render({ model, el }) {
  const box = part("div", "lk-ghost", el);
  box.setAttribute("data-lm-suppress-shortcuts", "true");
  const mirror = part("pre", "lk-ghost-mirror", box);
  const field = part("textarea", "lk-ghost-field", box);
  const spoken = part("div", "lk-ghost-spoken", box);
  mirror.setAttribute("aria-hidden", "true");
  spoken.setAttribute("role", "status");
  field.setAttribute("aria-label", "code; Tab accepts a suggestion, Escape refuses it");
  field.spellcheck = false;
  field.autocomplete = "off";
  field.value = model.get("before");
  let number = 0, heard = -1, ghost = "", silent = false, timer = 0, pressed = performance.now();
  let place = field.value.length;
  field.value += model.get("after");
  field.setSelectionRange(place, place);
  const visible = () => silent ? "" : ghost;

  function draw() {
    const shown = document.createElement("span");
    shown.className = "lk-ghost-text";
    shown.textContent = visible();
    mirror.replaceChildren(
      field.value.slice(0, place), shown, field.value.slice(place) + "\u200b");
    spoken.textContent = visible() && `Suggestion: ${visible()}`;
  }

  function ask() {
    clearTimeout(timer);
    number += 1;
    ghost = "";
    place = field.selectionStart;
    pressed = performance.now();
    timer = setTimeout(() => {
      const [before, after] = [field.value.slice(0, place), field.value.slice(place)];
      model.send({ kind: "ask", number, before, after });
    }, PAUSE_MS);
    draw();
  }

  function drop(kind) {
    if (visible()) model.send({ kind });
    ghost = "";
    draw();
  }

  function typed(event) {
    const text = event.data;
    const follows = text && visible().startsWith(text)
      && field.selectionStart === place + text.length;
    if (!follows || ghost === text) return ask();
    ghost = ghost.slice(text.length); // the learner types what is suggested: it stays
    place += text.length;
    draw();
  }

  function insert(text) {
    // Unlike setRangeText, it can be undone.
    if (!document.execCommand("insertText", false, text)) {
      field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
      ask();
    }
  }

  function press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "Tab" && !event.shiftKey && visible()) {
      const text = ghost;
      drop("accepted");
      insert(text);
    } else if (event.key === "Escape" && visible()) {
      drop("refused");
    } else if (event.key === "Enter" && !event.shiftKey) {
      const line = field.value.slice(0, field.selectionStart).split("\n").pop();
      insert("\n" + /^\s*/.exec(line)[0] + (line.trimEnd().endsWith(":") ? "    " : ""));
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  function moved() {
    if (field.selectionStart === place && field.selectionEnd === place) return;
    clearTimeout(timer);
    number += 1; // what was asked for is for another place
    place = field.selectionStart;
    drop("left");
  }

  function arrived() {
    const came = model.get("ghost");
    if (came.number !== number) return;
    const isNew = heard !== number; // or it is known, and the threshold was moved
    if (isNew) ghost = came.text;
    heard = number;
    silent = came.silent;
    draw();
    if (isNew && number && visible())
      model.send({ kind: "shown", ms: performance.now() - pressed });
  }

  field.addEventListener("input", typed);
  field.addEventListener("keydown", press);
  field.addEventListener("keyup", moved);
  field.addEventListener("click", moved);
  model.on("change:ghost", arrived);
  draw();
  arrived();
  return () => model.off("change:ghost", arrived);
}
export default { render };
